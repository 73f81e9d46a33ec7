"""The format is what the page says and what it was: a golden history guards both."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import Entry, Signer, TokenSignatureLedger, verify
from ledger.chain.durability import OS
from ledger.form.record import genesis
from tests.ledger.test_opening import waypoints

GOLDEN = Path(__file__).parent / "golden" / "v1"
PAGE = Path(__file__).parent.parent.parent / "docs" / "ledger-format.md"


def test_the_golden_ledger_still_verifies(signer: Signer) -> None:
    found = verify(GOLDEN, signer.public, objects=True)
    assert (found.status, found.size, found.trusted) == ("ok", 6, True)
    assert found.root.hex() == "d61a62f76d4b37aeb6efab4f93c1eb212387a0f0224c58a933b78d50240ddd8b"
    with TokenSignatureLedger.read_only(GOLDEN) as reader:
        assert reader.record(5).attributes == {"map": {"a": {}, "z": "é"}}
        payload = reader.record(3).payload
        assert payload is not None
        assert reader.objects.get(payload) == b"the payload of record 3"


def test_writing_the_same_again_gives_the_same_bytes(
    tmp_path: Path, signer: Signer, clock: Callable[[], int]
) -> None:
    with TokenSignatureLedger.open(tmp_path / "log", signer, clock=clock, node="n1") as ledger:
        payload = ledger.objects.put(b"the payload of record 3")
        ledger.append(
            Entry("a", {"n": 1}), Entry("b", {"n": 2}, session="s", actor="me", token="t")
        )
        ledger.append(Entry("c", {}, payload=payload))
        ledger.append(
            Entry("d", {"list": [1, "two", b"three", None, True, -5, 2**63]}),
            Entry("e", {"map": {"z": "é", "a": {}}}),
        )
    for name in ("segments/000000000000.seg", "checkpoint", "head"):
        assert (tmp_path / "log" / name).read_bytes() == (GOLDEN / name).read_bytes(), name


def test_the_golden_ledger_can_be_continued(
    tmp_path: Path, signer: Signer, clock: Callable[[], int]
) -> None:
    shutil.copytree(GOLDEN, tmp_path / "log")
    with TokenSignatureLedger.open(tmp_path / "log", signer, clock=clock, node="n1") as ledger:
        assert ledger.append(Entry("next", {}))[0].seq == 6
    assert verify(tmp_path / "log", signer.public).status == "ok"


def test_the_page_shows_these_bytes() -> None:
    page = PAGE.read_text("utf-8")
    data = (GOLDEN / "segments" / "000000000000.seg").read_bytes()
    with TokenSignatureLedger.read_only(GOLDEN) as reader:
        record = reader.record(1)
    frame = len(record.body).to_bytes(4, "big") + record.body + record.digest
    assert frame in data
    assert f"length   {frame[:4].hex(' ')}\n" in page
    assert f"body     {record.body.hex(' ')}\n" in page
    assert f"digest   {record.digest.hex()}\n" in page
    assert f"genesis  {genesis('test.example/log').hex()}\n" in page
    note = (GOLDEN / "checkpoint").read_text("utf-8")
    assert "".join(f"    {line}".rstrip() + "\n" for line in note.splitlines()) in page


def test_the_page_shows_the_first_waypoint(
    tmp_path: Path, signer: Signer, clock: Callable[[], int]
) -> None:
    directory = tmp_path / "log"
    with TokenSignatureLedger.open(
        directory, signer, clock=clock, node="n1", durability=OS
    ) as ledger:
        for _ in range(260):
            ledger.append(Entry("a", {"t": "x" * 900}))
    first = waypoints(directory)[0]
    page, shown = PAGE.read_text("utf-8"), first.content.decode().splitlines()
    assert f"head of {shown[1]} records, whose frame begins\nat offset {first.start:,};" in page
    assert "".join(f"    {line}".rstrip() + "\n" for line in shown) in page


@pytest.mark.parametrize("module", ["cryptography", "zipfile", "argparse"])
def test_importing_the_ledger_stays_light(module: str) -> None:
    code = f"import sys, ledger; sys.exit({module!r} in sys.modules)"
    root = Path(__file__).parent.parent.parent
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
