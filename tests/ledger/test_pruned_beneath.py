"""A log that is open while another process prunes it past the place where this one stands."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import Entry, FileStore, PrunedError, Signer, TokenSignatureLedger, verify
from ledger.errors import ClosedError, EquivocationError, FormatError, LedgerError, RollbackError

ROOT = Path(__file__).parents[2]
Opened = Callable[[], TokenSignatureLedger]


def fill(ledger: TokenSignatureLedger, groups: int) -> None:
    for number in range(groups):
        ledger.append(Entry("a", {"n": number, "t": "x" * 300}))


def prune(log: Path, key: Path, before: int) -> None:
    """By a process of its own."""
    words = [sys.executable, "-m", "ledger", "prune", str(log), "--key", str(key)]
    words += ["--before", str(before), "--stateless", "--yes"]
    ran = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran


@pytest.fixture
def pruned(reopen: Opened, tmp_path: Path, key_file: Path) -> Callable[[], None]:
    """Has another instance append 60 records in new segments, and all before them pruned."""

    def past_them() -> None:
        with reopen() as other:
            fill(other, 60)
            size = other.head.size
        prune(tmp_path / "log", key_file, size - 5)

    return past_them


def test_who_appends_goes_on_behind_the_pruning(
    reopen: Opened, pruned: Callable[[], None], tmp_path: Path, signer: Signer
) -> None:
    with reopen() as ledger:
        fill(ledger, 5)
        pruned()
        seq = ledger.append(Entry("b", {}))[0].seq
        assert seq == ledger.head.size - 1 > 60
        with pytest.raises(PrunedError):
            ledger.record(3)
        assert ledger.record(0).kind == "ledger.created"
        fill(ledger, 30)
        assert [each.seq for each in ledger.read(seq, seq + 3)] == [seq, seq + 1, seq + 2]
        ledger.prove(3)
    found = verify(tmp_path / "log", signer.public)
    assert (found.status, found.size) == ("ok", seq + 31)


def test_who_reads_sees_what_is_there_now(
    reopen: Opened, pruned: Callable[[], None], tmp_path: Path
) -> None:
    with reopen() as ledger:
        fill(ledger, 5)
    with TokenSignatureLedger.read_only(tmp_path / "log") as reader:
        assert reader.head.size == 6
        pruned()
        assert reader.head.size == 6
        size = reader.refresh().size
        assert size > 60
        assert [each.seq for each in reader.read(reader.first)] == list(range(reader.first, size))
        reader.prove(3)


def test_a_hard_linked_copy_of_the_segments_is_not_written_to(
    reopen: Opened, pruned: Callable[[], None], tmp_path: Path
) -> None:
    """A descriptor of a removed segment stays good where a copy links to its file."""
    with reopen() as ledger:
        fill(ledger, 5)
        copy = tmp_path / "copy"
        copy.mkdir()
        for path in (tmp_path / "log" / "segments").iterdir():
            os.link(path, copy / path.name)
        pruned()
        kept = {path: path.read_bytes() for path in copy.iterdir()}
        assert ledger.append(Entry("b", {}))[0].seq > 60
    assert {path: path.read_bytes() for path in copy.iterdir()} == kept
    assert verify(tmp_path / "log").status == "ok"


def test_a_segment_that_was_replaced_is_read_anew(reopen: Opened, tmp_path: Path) -> None:
    """As a restored copy is laid there by a rename."""
    with reopen() as ledger:
        fill(ledger, 3)
        path = max((tmp_path / "log" / "segments").iterdir())
        shutil.copy(path, tmp_path / "new")
        (tmp_path / "new").rename(path)
        ledger.append(Entry("b", {}))
        size = ledger.head.size
    assert verify(tmp_path / "log").size == size


def test_segments_that_went_without_a_pruning_are_no_log(reopen: Opened, tmp_path: Path) -> None:
    ledger = reopen()
    fill(ledger, 5)
    with reopen() as other:
        fill(other, 60)
    for path in sorted((tmp_path / "log" / "segments").iterdir())[:-1]:
        path.unlink()
    with pytest.raises(FormatError):
        ledger.append(Entry("b", {}))
    with pytest.raises(ClosedError):
        ledger.append(Entry("b", {}))


@pytest.mark.parametrize("groups", [2, 9])
def test_another_log_of_the_same_key_is_refused(
    reopen: Opened, pruned: Callable[[], None], tmp_path: Path, groups: int
) -> None:
    """The whole folder was exchanged for one that was pruned past the place, with another past."""
    log, mine = tmp_path / "log", tmp_path / "mine"
    with reopen() as ledger:
        fill(ledger, groups)
    log.rename(mine)
    with reopen() as ledger:
        ledger.append(Entry("another past", {"t": "y" * 300}))
    pruned()
    log.rename(tmp_path / "false")
    mine.rename(log)
    ledger = reopen()
    fill(ledger, 1)
    with TokenSignatureLedger.read_only(log) as reader:
        for name in ("segments", "seals", "tile", "pruned", "checkpoint"):
            path = log / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            (tmp_path / "false" / name).rename(path)
        for each in (reader.refresh, lambda: ledger.append(Entry("b", {}))):
            with pytest.raises(EquivocationError, match="was exchanged"):
                each()
            with pytest.raises(ClosedError):
                each()


def test_a_shorter_log_behind_a_pruning_is_a_rollback(
    reopen: Opened, pruned: Callable[[], None], tmp_path: Path
) -> None:
    log, old = tmp_path / "log", tmp_path / "old"
    with reopen() as ledger:
        fill(ledger, 2)
    pruned()
    shutil.copytree(log, old)
    with reopen() as ledger:
        fill(ledger, 120)
    prune(log, tmp_path / "keys" / "log", 170)
    with TokenSignatureLedger.read_only(log) as reader:
        shutil.rmtree(log)
        old.rename(log)
        with pytest.raises((RollbackError, LedgerError)):
            reader.refresh()


def test_a_store_that_was_closed_says_so(tmp_path: Path, reopen: Opened) -> None:
    reopen().close()
    store = FileStore(tmp_path / "log", read_only=True)
    store.close()
    for ask in (store.end, lambda: store.length(0), store.shared):
        with pytest.raises(ClosedError):
            ask()
