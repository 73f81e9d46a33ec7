"""The page shows records of a fleet log, a merge and a certificate as this package writes them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3

from ledger import (
    Entry,
    FleetLog,
    LogView,
    MemoryStore,
    Obstructed,
    Obstruction,
    Signer,
    TokenSignatureLedger,
    encode,
    merge,
    merge_lines,
    read_certificate,
)

PAGE = (Path(__file__).parents[2] / "docs" / "ledger-format.md").read_text("utf-8")
GOLDEN = Path(__file__).parent / "golden" / "v1"
Clock = Callable[[], int]


def lines(text: str) -> str:
    """``text`` as it stands in the page, indented."""
    return "".join(f"    {line}".rstrip() + "\n" for line in text.splitlines())


def rows(data: bytes) -> str:
    """Bytes as they stand in the page, 32 in a row."""
    return lines("\n".join(data[at : at + 32].hex(" ") for at in range(0, len(data), 32)))


@pytest.fixture
def fleet(clock: Clock, signer: Signer) -> TokenSignatureLedger:
    """The fleet log of the example: it saw the node at two sizes."""
    log = TokenSignatureLedger(
        MemoryStore(), Signer("test.example/fleet", bytes(range(96, 128))), clock=clock, node="f1"
    )
    nodes = FleetLog(log)
    nodes.admit(signer.public)
    with TokenSignatureLedger.read_only(GOLDEN, signer.public) as node:
        nodes.observe_head(node.checkpoint_at(4).note)
        nodes.observe(node)
    return log


def test_the_page_shows_the_records_of_a_fleet_log(fleet: TokenSignatureLedger) -> None:
    assert rows(fleet.record(1).body) in PAGE
    assert rows(fleet.record(3).body) in PAGE
    (hashed,) = fleet.record(3).attributes["hashes"]  # type: ignore[misc]
    assert f"    {hashed.hex()}\n" in PAGE  # type: ignore[union-attr]


def test_the_page_shows_a_merge(signer: Signer) -> None:
    with TokenSignatureLedger.read_only(GOLDEN, signer.public) as node:
        merged = merge([LogView(node)])
        assert f"    identity {merged.identity.hex()}\n" in PAGE
        written = encode([["test.example/log", 6, merged.heads[0].root]])
        assert rows(written) in PAGE
        context = "os2shell ledger v1 2026 identity of a merge"
        assert f"`{context}`" in PAGE
        assert merged.identity == blake3(written, derive_key_context=context).digest()
        record = list(merge_lines(merged))[2].decode()
        at = record.index('"kind"')
        assert lines(f"{record[:at]}\n{record[at:]}") in PAGE


def test_the_page_shows_a_certificate(clock: Clock, signer: Signer) -> None:
    logs = [
        TokenSignatureLedger(MemoryStore(), signer, clock=clock, node=node) for node in ("n1", "n2")
    ]
    with pytest.raises(Obstructed) as problem:
        merge(map(LogView, logs))
    data = problem.value.certificate
    shown = PAGE[PAGE.index('    {"kind":"two histories"') :].split("\n\n")[0]
    assert "".join(line[4:] for line in shown.split("\n")).encode() + b"\n" == data
    assert read_certificate(data).judge([signer.public])


def test_the_page_names_every_kind_of_obstruction() -> None:
    for kind in Obstruction:
        assert f"| `{kind}` |" in PAGE


def test_nothing_of_the_example_depends_on_the_run(
    fleet: TokenSignatureLedger, clock: Clock
) -> None:
    assert fleet.head.size == 4
    assert fleet.append(Entry("note", {}))[0].hlc == (clock() // 10**6 << 16) + 4
