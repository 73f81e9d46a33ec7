"""The kept head: it moves forward only, and meets logs that were cut or forked."""

import errno
import fcntl
import multiprocessing
import os
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import (
    CheckpointError,
    ClosedError,
    DurabilityError,
    Entry,
    EquivocationError,
    LedgerError,
    RollbackError,
    Signer,
    TokenSignatureLedger,
    UnreadableError,
)
from ledger.form.canonical import Digest
from ledger.form.record import Head
from ledger.trust import equivocation
from ledger.trust.checkpoint import Checkpoint, sign
from ledger.trust.equivocation import Finding, Prefix
from ledger.trust.kept import KeptHead, LogFacts

Opened = Callable[[], TokenSignatureLedger]


@pytest.fixture
def kept(tmp_path: Path) -> KeptHead:
    return KeptHead(tmp_path / "elsewhere" / "head")


def head(signer: Signer, size: int, root: bytes = b"r", chain: bytes = b"c") -> Checkpoint:
    return sign(
        signer, Head(size, Digest(chain.ljust(32)), root.ljust(32)), hlc=size, durability="group"
    )


def test_it_moves_forward(kept: KeptHead, signer: Signer) -> None:
    assert kept.load() is None
    for size in (1, 2, 2, 40, 41):
        kept.advance(head(signer, size))
        assert kept.load() == head(signer, size)
        assert KeptHead(kept.path).load() == head(signer, size)
    assert kept.path.read_bytes() == head(signer, 41).note
    assert sorted(path.name for path in kept.path.parent.iterdir()) == ["head", "head.lock"]


def test_it_never_goes_back(kept: KeptHead, signer: Signer) -> None:
    kept.advance(head(signer, 7))
    with pytest.raises(RollbackError, match="at least 7 records"):
        kept.advance(head(signer, 6))
    with pytest.raises(CheckpointError, match="file of its own"):
        kept.advance(head(Signer("other.example/log", bytes(32)), 8))
    assert kept.load() == head(signer, 7)


@pytest.mark.parametrize(("root", "chain"), [(b"x", b"c"), (b"r", b"x")])
def test_another_head_of_one_size(
    kept: KeptHead, signer: Signer, root: bytes, chain: bytes
) -> None:
    kept.advance(head(signer, 7))
    with pytest.raises(EquivocationError, match="two different") as told:
        kept.advance(head(signer, 7, root, chain))
    assert kept.load() == head(signer, 7)
    [proof] = kept.path.parent.glob("*.json")
    assert str(proof) in str(told.value)
    evidence = equivocation.read(proof.read_bytes())
    assert evidence.judge([signer.public]).finding is Finding.TWO_HEADS
    assert {evidence.first, evidence.second} == {
        head(signer, 7).note,
        head(signer, 7, root, chain).note,
    }


def test_a_cut_log(kept: KeptHead, open_ledger: Opened, tmp_path: Path) -> None:
    with open_ledger() as log:
        log.append(Entry("a", {}))
    shutil.copytree(tmp_path / "log", tmp_path / "old")
    with open_ledger() as log:
        log.append(Entry("b", {}), Entry("c", {}))
        assert log.checkpoint is not None
        kept.advance(log.checkpoint)
        kept.hold_against(log.facts())
    with (
        TokenSignatureLedger.read_only(tmp_path / "old") as old,
        pytest.raises(RollbackError, match="expected at least 4 records"),
    ):
        kept.hold_against(old.facts())


def test_a_longer_log_with_the_same_past(kept: KeptHead, open_ledger: Opened) -> None:
    with open_ledger() as log:
        kept.hold_against(log.facts())
        for number in range(20):
            assert log.checkpoint is not None
            if number % 4 == 0:
                kept.advance(log.checkpoint)
            log.append(*[Entry("a", {"n": number})] * number)
            kept.hold_against(log.facts())


def test_a_forked_log(kept: KeptHead, open_ledger: Opened, tmp_path: Path, signer: Signer) -> None:
    """The fork went on: there is no second head of that size, and yet it is proven."""
    with open_ledger() as log:
        log.append(Entry("a", {}))
    shutil.copytree(tmp_path / "log", tmp_path / "fork")
    with open_ledger() as log:
        log.append(Entry("b", {}))
        assert log.checkpoint is not None
        kept.advance(log.checkpoint)
    with TokenSignatureLedger.open(tmp_path / "fork", signer, clock=lambda: 0, node="n2") as fork:
        fork.append(Entry("B", {}), Entry("c", {}))
        with pytest.raises(EquivocationError, match="forked or rewritten"):
            kept.hold_against(fork.facts())
    [proof] = kept.path.parent.glob("*.json")
    evidence = equivocation.read(proof.read_bytes())
    assert evidence.judge().finding is Finding.TWO_HEADS
    assert evidence.judge([signer.public]).finding is Finding.TWO_HEADS


def test_a_false_chain_digest_over_the_same_records(
    kept: KeptHead, open_ledger: Opened, signer: Signer
) -> None:
    with open_ledger() as log:
        log.append(Entry("a", {}))
        kept.advance(sign(signer, Head(2, Digest(b"x" * 32), log.head.root), 5, "group"))
        log.append(Entry("b", {}))
        with pytest.raises(EquivocationError, match="signed a false digest"):
            kept.hold_against(log.facts())


def test_the_memory_of_another_log_or_an_altered_one(
    kept: KeptHead, open_ledger: Opened, signer: Signer
) -> None:
    with open_ledger() as log:
        kept.advance(head(Signer("other.example/log", bytes(32)), 1))
        with pytest.raises(CheckpointError, match="memory of another log"):
            kept.hold_against(log.facts())
        assert log.checkpoint is not None
        kept.path.write_bytes(log.checkpoint.note.replace(b"\n1\n", b"\n9\n"))
        with pytest.raises(CheckpointError, match="or was altered"):
            kept.hold_against(log.facts())


@pytest.mark.parametrize("content", [b"", bytes(100), b"\xff", b"text\n", b"x" * 70_000])
def test_what_a_power_loss_or_a_stranger_leaves(
    kept: KeptHead, signer: Signer, content: bytes
) -> None:
    """An empty memory would accept any log, so it is refused by name."""
    kept.path.parent.mkdir()
    kept.path.write_bytes(content)
    for attempt in (kept.load, lambda: kept.advance(head(signer, 3))):
        with pytest.raises(CheckpointError, match="then delete the file"):
            attempt()
    assert kept.path.read_bytes() == content
    kept.path.unlink()
    kept.advance(head(signer, 3))


def test_an_empty_log_against_a_kept_head(kept: KeptHead, signer: Signer) -> None:
    def never(_: int) -> Prefix:
        raise AssertionError("a shorter log is not asked about its past")

    def chain(_: int) -> bytes:
        raise AssertionError("nor about its chain")

    kept.advance(head(signer, 3))
    with pytest.raises(RollbackError):
        kept.hold_against(LogFacts(None, (signer.public,), never, chain))


def test_no_place_to_keep_it(kept: KeptHead, signer: Signer, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("a file where the folder should be")
    with pytest.raises(UnreadableError):
        kept.advance(head(signer, 1))
    (tmp_path / "elsewhere").unlink()
    kept.advance(head(signer, 1))
    (tmp_path / "elsewhere" / "head.new").mkdir()
    kept.advance(head(signer, 2))  # as long as before: no rename
    with pytest.raises(DurabilityError):
        kept.advance(head(signer, 10))
    assert kept.load() == head(signer, 2)


def test_closed(kept: KeptHead, signer: Signer) -> None:
    kept.advance(head(signer, 1))
    kept.close()
    kept.close()
    with pytest.raises(ClosedError):
        kept.advance(head(signer, 2))


def test_with_sync(tmp_path: Path, signer: Signer) -> None:
    kept = KeptHead(tmp_path / "head", sync=True)
    kept.advance(head(signer, 1))
    kept.advance(head(signer, 2))
    assert kept.load() == head(signer, 2)


def _advance_often(path: str, seed: bytes, start: int) -> None:
    kept, signer = KeptHead(Path(path)), Signer("test.example/log", seed)
    for size in range(start, 400, 4):
        try:
            kept.advance(head(signer, size))
        except RollbackError:
            continue  # another process was further already


def test_several_processes(tmp_path: Path) -> None:
    """Whoever comes late is refused; the file is whole at every moment and ends at the largest."""
    path = tmp_path / "head"
    context = multiprocessing.get_context("fork")
    running = [
        context.Process(target=_advance_often, args=(str(path), bytes(32), n)) for n in (1, 2, 3, 4)
    ]
    for process in running:
        process.start()
    seen = 0
    reader = KeptHead(path)
    while any(process.is_alive() for process in running):
        found = reader.load()
        assert found is None or found.size >= seen
        seen = found.size if found is not None else 0
    for process in running:
        process.join()
        assert process.exitcode == 0
    last = reader.load()
    assert last is not None
    assert last.size == 399


def test_it_costs_little(tmp_path: Path, signer: Signer) -> None:
    """A generous bound on a busy machine; the figure itself is in bench/proofs.py."""
    kept = KeptHead(tmp_path / "head")
    heads = [head(signer, size) for size in range(1, 300)]
    taken = []
    for each in heads:
        start = time.perf_counter_ns()
        kept.advance(each)
        taken.append(time.perf_counter_ns() - start)
    assert statistics.median(taken) < 1_000_000
    assert kept.path.stat().st_size == len(heads[-1].note)


@pytest.mark.parametrize("failing", ["LOCK_EX", "LOCK_SH", "LOCK_UN"])
def test_a_lock_that_cannot_be_had_is_a_named_error(
    signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """As on a network disk without locks; a lock that cannot be given back is let go of."""
    kept = KeptHead(tmp_path / "head")
    kept.advance(head(signer, 1))
    real = fcntl.flock

    def flock(descriptor: int, kind: int) -> None:
        if kind == getattr(fcntl, failing):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
        real(descriptor, kind)

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", flock)
        if failing == "LOCK_UN":
            kept.advance(head(signer, 2))
        else:
            with pytest.raises(LedgerError, match="No locks available"):
                kept.load() if failing == "LOCK_SH" else kept.advance(head(signer, 2))
    kept.advance(head(signer, 3))
    assert KeptHead(kept.path).load() == head(signer, 3)
