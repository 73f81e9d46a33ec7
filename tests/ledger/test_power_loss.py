"""The power fails after any call on the disk: what was acknowledged is there when it is back."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from ledger import (
    Durability,
    Entry,
    FileStore,
    LedgerError,
    Record,
    Signer,
    TokenSignatureLedger,
    load_or_create_key,
    verify,
)
from tests.ledger.faulty import Killed
from tests.ledger.power_cut import Left, PowerCut

SIGNER = Signer("test.example/log", bytes(range(32)))
SEGMENT_BYTES = 4_000
History = Callable[[Path, list[Record]], None]


def opened(folder: Path, mode: str = "group") -> TokenSignatureLedger:
    return TokenSignatureLedger(
        FileStore(folder),
        SIGNER,
        clock=time.time_ns,
        node="n1",
        segment_bytes=SEGMENT_BYTES,
        durability=Durability(mode),
    )


def nothing_yet(_: Path) -> None:
    """The folder does not exist."""


def begun(folder: Path) -> None:
    with opened(folder) as ledger:
        ledger.append(Entry("a", {"text": "x" * 1_500}))


def torn(folder: Path) -> None:
    begun(folder)
    note = (folder / "checkpoint").read_bytes()
    path = folder / "segments" / "000000000000.seg"
    with opened(folder) as ledger:
        ledger.append(Entry("lost", {"text": "y" * 300}))
    path.write_bytes(path.read_bytes()[:-50])
    (folder / "checkpoint").write_bytes(note)


def appending(folder: Path, told: list[Record]) -> None:
    with opened(folder) as ledger:
        told += ledger.append(Entry("a", {"n": 1}), Entry("b", {}))
        told += ledger.append(Entry("c", {}))


def rolling_over(folder: Path, told: list[Record]) -> None:
    with opened(folder) as ledger:
        for n in range(3):
            told += ledger.append(Entry("large", {"text": "x" * 900, "n": n}))


def with_objects(folder: Path, told: list[Record]) -> None:
    with opened(folder) as ledger:
        for content in (b"short", bytes(5_000), b"short"):
            told += ledger.append(Entry("with", {}, payload=ledger.objects.put(content)))


def strict_after_os(folder: Path, told: list[Record]) -> None:
    """What was not synced lies before what is, so the later sync covers it."""
    with opened(folder, "os") as ledger:
        first = ledger.append(Entry("unsynced", {}))
    told += first  # closing synced it
    with opened(folder, "os") as other:
        second = other.append(Entry("unsynced", {}))
        with opened(folder, "strict") as ledger:
            told += [*second, *ledger.append(Entry("synced", {"text": "x" * 1_000}))]


def check(folder: Path, told: list[Record], what: str) -> None:
    with opened(folder) as ledger:
        for record in told:
            assert ledger.record(record.seq) == record, what
        ledger.append(Entry("life", {}, payload=ledger.objects.put(b"short")))
        size = ledger.head.size
    result = verify(folder, SIGNER.public, objects=True)
    assert (result.status, result.size) == ("ok", size), (what, result.first_bad)


@pytest.mark.slow
@pytest.mark.parametrize("left", list(Left))
@pytest.mark.parametrize(
    ("before", "history"),
    [
        (nothing_yet, appending),
        (begun, rolling_over),
        (torn, appending),
        (begun, with_objects),
        (begun, strict_after_os),
    ],
)
def test_the_power_fails_after_every_call(
    tmp_path: Path, before: Callable[[Path], None], history: History, left: Left
) -> None:
    number = 0
    while True:
        number += 1
        base, after = tmp_path / str(number), tmp_path / f"{number}-after"
        base.mkdir()
        before(base / "log")
        told: list[Record] = []
        with PowerCut(base, number) as cut, suppress(Killed):
            history(base / "log", told)
        cut.lay_out(after, left)
        check(after / "log", told, f"{cut.fired or 'the end'}, {left}")
        if not cut.fired:
            assert number > 10
            assert told
            return


def test_folders_above_a_new_ledger(tmp_path: Path) -> None:
    """All that were made for it, however many."""
    base, after = tmp_path / "base", tmp_path / "after"
    base.mkdir()
    told: list[Record] = []
    with PowerCut(base, 0) as cut:
        appending(base / "a" / "b" / "log", told)
    cut.lay_out(after, Left.NOTHING)
    check(after / "a" / "b" / "log", told, "the end")


def test_a_key_that_was_used_is_there_afterwards(tmp_path: Path) -> None:
    """A ledger whose key is gone could never be continued."""
    number = 0
    while True:
        number += 1
        base, after = tmp_path / str(number), tmp_path / f"{number}-after"
        base.mkdir()
        used = None
        with PowerCut(base, number) as cut, suppress(Killed):
            used = load_or_create_key(base / "keys" / "log", "test.example/log").public
        cut.lay_out(after, Left.NOTHING)
        with suppress(LedgerError):
            found = load_or_create_key(after / "keys" / "log", "test.example/log").public
            assert used in {None, found}, cut.fired or "the end"
        if not cut.fired:
            return
