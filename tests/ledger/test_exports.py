"""What the ledger writes for other tools, held against the forms they publish."""

import base64
import io
import itertools
import json
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    EXPORTS,
    BundleError,
    Entry,
    KeyFile,
    LedgerError,
    MemoryStore,
    Signer,
    TokenSignatureLedger,
    digest,
    export_lines,
    read_bundle,
    rebuild,
    write_bundle,
    write_export,
)
from ledger.__main__ import main
from ledger.evidence import jsonl, plain
from ledger.evidence.archive import open_archive
from ledger.form.record import Record
from tests.ledger.exporting import PAYLOAD, exported, records_of
from tests.ledger.faulty import Faults


def test_jsonl_says_everything(rich: Path, tmp_path: Path) -> None:
    rows = exported(rich, "jsonl", "--objects", out=tmp_path / "x")
    records = records_of(rich)
    assert [row["type"] for row in rows[:3]] == ["ledger", "segment", "record"]
    lines = (tmp_path / "x").read_bytes().splitlines(keepends=True)
    whole = digest(b"".join(lines[:-1])).hex()
    assert rows[-1] == {"type": "end", "lines": len(lines) - 1, "blake3": whole}
    found = [row for row in rows if row["type"] == "record"]
    assert [base64.b64decode(row["body"]) for row in found] == [r.body for r in records]
    assert [row["chain"] for row in found] == [r.digest.hex() for r in records]
    assert found[1]["attributes"] == {"n": 1}
    assert found[1]["time"] == "2023-11-14T22:13:20.000Z"
    assert found[6]["attributes"]["big"] == str(2**64 - 1)
    assert found[6]["attributes"]["edge"] == 2**53 - 1
    assert found[6]["attributes"]["bytes"] == {
        "base64": base64.b64encode(bytes(range(256))).decode()
    }
    assert found[6]["commitment"] == bytes(range(32)).hex()
    objects = [row for row in rows if row["type"] == "object"]
    assert [base64.b64decode(row["data"]) for row in objects] == [PAYLOAD]
    with TokenSignatureLedger.read_only(rich) as ledger:
        notes = [row["note"] for row in rows if row["type"] == "checkpoint"]
        assert ledger.checkpoint is not None
        assert notes[-1].encode() == ledger.checkpoint.note


def test_a_part_of_a_ledger(rich: Path, tmp_path: Path) -> None:
    rows = exported(rich, "jsonl", "--from", "2", "--to", "4", "--objects", out=tmp_path / "x")
    assert [row["type"] for row in rows] == [
        "ledger",
        "record",
        "record",
        "checkpoint",
        "object",
        "end",
    ]
    assert [row["seq"] for row in rows if row["type"] == "record"] == [2, 3]
    assert rows[0]["full"] is False


def test_the_page_shows_these_bytes(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "ledger-format.md").read_text("utf-8")
    blocks = page.replace("\n    ", "\n")
    golden = Path(__file__).parent / "golden" / "v1"
    path = tmp_path / "x.os2z"
    with TokenSignatureLedger.read_only(golden) as ledger:
        write_bundle(path, ledger, [1], [digest(PAYLOAD)], {"case": "7"})
        row = jsonl.record_line(ledger.record(1)).decode()
    assert row.replace('"kind"', '\n"kind"') in blocks
    data, archive = path.read_bytes(), open_archive(path, lambda name: name.startswith("objects/"))
    assert archive.read("manifest.json", 1000).decode() in blocks
    for name in ("records/1.body", f"objects/{digest(PAYLOAD).hex()}"):
        member = archive.members[name]
        assert data[member.start : member.offset].hex(" ") in blocks
    assert f"\n{data[-22:].hex(' ')}\n" in blocks
    archive.close()


def test_a_bundle_and_its_verifier(rich: Path, tmp_path: Path) -> None:
    out, script = tmp_path / "x.os2z", tmp_path / "v.py"
    options = ["--format", "bundle", "--objects", "--out", str(out), "--verifier", str(script)]
    assert main(["export", str(rich), *options]) == 0
    with read_bundle(out) as bundle:
        assert len(bundle.records) == 7
        assert bundle.objects.get(digest(PAYLOAD)) == PAYLOAD
    ran = subprocess.run([sys.executable, str(script), str(out)], capture_output=True, check=False)
    assert ran.returncode == 0, ran


def test_a_car(rich: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.car"
    assert main(["export", str(rich), "--format", "car", "--objects", "--out", str(out)]) == 0
    assert PAYLOAD in out.read_bytes()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 2),
        (["--format", "jsonl"], 2),
        (["LOG"], 2),
        (["LOG", "--format", "bundle"], 2),
        (["LOG", "--format", "in-toto"], 2),
        (["LOG", "--format", "ocsf", "--objects"], 2),
        (["LOG", "--format", "ocsf", "--from", "9"], 2),
        (["LOG", "--format", "ocsf", "--from", "2", "--to", "2"], 2),
        (["LOG", "--format", "ocsf", "--from", "-1"], 2),
        (["LOG", "--format", "ocsf", "--out", "LOG"], 2),
        (["NONE", "--format", "ocsf"], 4),
        (["NONE", "--format", "jsonl"], 4),
        (["LOG", "--format", "ocsf", "--out", "NONE/x"], 4),
    ],
)
def test_misuse(options: list[str], code: int, small: Path, tmp_path: Path) -> None:
    named = {"LOG": str(small), "NONE": str(tmp_path / "none"), "NONE/x": str(tmp_path / "none/x")}
    assert main(["export", *(named.get(word, word) for word in options)]) == code
    assert not list(tmp_path.glob("**/.*"))


def test_nothing_is_written_over(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "x"
    out.write_text("mine")
    for form in ("jsonl", "bundle"):
        assert main(["export", str(small), "--format", form, "--out", str(out)]) == 2
    assert main(["export", "--verifier", str(out)]) == 2
    assert out.read_text() == "mine"


@pytest.mark.parametrize("form", ["jsonl", "ocsf", "otel"])
def test_a_damaged_ledger_is_not_exported(form: str, small: Path, tmp_path: Path) -> None:
    path = next((small / "segments").iterdir())
    data = bytearray(path.read_bytes())
    data[400] ^= 1
    path.write_bytes(data)
    assert main(["export", str(small), "--format", form, "--out", str(tmp_path / "x")]) == 1
    assert not (tmp_path / "x").exists()


def test_the_wrong_key_is_refused(small: Path, tmp_path: Path) -> None:
    other = str(Signer("test.example/log", bytes(32)).public)
    for form in ("jsonl", "ocsf"):
        options = ["--format", form, "--pubkey", other, "--out", str(tmp_path / "x")]
        assert main(["export", str(small), *options]) != 0
        assert not (tmp_path / "x").exists()


def test_standard_output(small: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "ledger", "export", str(small), "--format", "jsonl"],
        capture_output=True,
        check=True,
    )
    exported(small, "jsonl", out=tmp_path / "x")
    assert ran.stdout == (tmp_path / "x").read_bytes()


@given(st.integers(0, 2**64 - 1))
def test_any_time_can_be_shown(hlc: int) -> None:
    record = Record(1, 0, hlc, "", "", "", "", "k", {}, None, None, b"", digest(b""))
    shown = plain.instant(record)
    assert shown is None or (shown.endswith("Z") and len(shown) == 24)
    assert shown is not None or hlc >> 16 > 253_402_300_799_000


@pytest.mark.slow
def test_memory_stays_flat(signer: Signer, tmp_path: Path) -> None:
    """Twenty-five times the records, the same memory: what was kept of each would show."""
    peaks: list[int] = []
    for count in (2_000, 50_000):
        folder = tmp_path / str(count)
        with TokenSignatureLedger.open(folder, signer, clock=lambda: 0, node="n") as ledger:
            for _ in range(count // 1000):
                ledger.append(*(Entry("k", {"text": "x" * 300}) for _ in range(1000)))
        code = (
            "import sys, resource\nfrom ledger.__main__ import main\n"
            "sys.stdout = open('/dev/null', 'w')\n"
            f"code = main(['export', {str(folder)!r}, '--format', sys.argv[1]])\n"
            "print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
        )
        for form in ("jsonl", "ocsf", "otel"):
            ran = subprocess.run(
                [sys.executable, "-c", code, form], capture_output=True, text=True, check=False
            )
            assert ran.stderr.startswith("0 "), ran
            peaks.append(int(ran.stderr.split()[1]))
    for before, after in zip(peaks[:3], peaks[3:], strict=True):
        assert after - before < 8 * 1024, peaks


def test_the_library_by_itself(rich: Path, tmp_path: Path) -> None:
    with TokenSignatureLedger.read_only(rich) as ledger:
        for form in EXPORTS:
            write_export(tmp_path / form, form, ledger, [1, 3, 4], [digest(PAYLOAD)])
            assert (tmp_path / form).stat().st_size > 100
        for form in ("jsonl", "ocsf", "otel"):
            whole = b"".join(export_lines(form, ledger))
            write_export(tmp_path / f"all-{form}", form, ledger)
            assert (tmp_path / f"all-{form}").read_bytes() == whole
        write_export(tmp_path / "all", "bundle", ledger)
        with pytest.raises(BundleError, match="one of"):
            export_lines("pdf", ledger, [1])
    with read_bundle(tmp_path / "bundle") as found:
        assert [record.seq for record in found.records] == [1, 3, 4]
    with read_bundle(tmp_path / "all") as found:
        assert len(found.records) == 7


def test_unsigned_memory_exports_nothing() -> None:
    ledger = TokenSignatureLedger(MemoryStore(), clock=lambda: 0, node="n")
    with pytest.raises(BundleError, match="signed"):
        export_lines("ocsf", ledger)


def test_a_ledger_in_memory_exports_too(signer: Signer) -> None:
    ledger = TokenSignatureLedger(MemoryStore(), signer, clock=lambda: 0, node="n")
    ledger.append(Entry("a", {}))
    rows = [json.loads(row) for row in export_lines("jsonl", ledger)]
    assert [row["type"] for row in rows] == ["ledger", "record", "record", "checkpoint", "end"]


def test_whatever_a_rotation_leaves_can_be_exported(tmp_path: Path) -> None:
    """A key that was named, and whose first head was never written, signs no export."""
    key = KeyFile.create(tmp_path / "keys" / "log", "test.example/log")
    first, call, fired, unsigned = key.public, 0, "any", 0
    while fired:
        call += 1
        shutil.copytree(tmp_path / "keys", tmp_path / f"{call}" / "keys")
        mine = KeyFile(tmp_path / f"{call}" / "keys" / "log")
        log = tmp_path / f"{call}" / "log"
        ticks = itertools.count(10**18, 10**6).__next__
        with TokenSignatureLedger.open(log, mine, clock=ticks, node="n") as ledger:
            ledger.append(Entry("a", {}))
            with Faults(log, call) as faults, suppress(LedgerError):
                ledger.rotate()
            fired = faults.fired
        with TokenSignatureLedger.open(log, mine, clock=ticks, node="n") as ledger:
            assert ledger.keys is not None
            unsigned += ledger.head.size == ledger.keys.epochs.current.first > 0
            lines = b"".join(export_lines("jsonl", ledger))
            root = ledger.head.root
        assert rebuild(io.BytesIO(lines), tmp_path / f"{call}" / "made", first).root == root
    assert unsigned, "no fault fell between the rotation and the first head of the new key"
