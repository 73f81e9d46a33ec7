"""When an append is acknowledged, and who shares a sync with whom."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from ledger import (
    BodyTooLarge,
    ClosedError,
    ConflictError,
    Durability,
    DurabilityError,
    Entry,
    EntryError,
    LedgerError,
    Signer,
    Status,
    TokenSignatureLedger,
    verify,
)
from ledger.storage.file_store import FileStore
from ledger.storage.store import Position

SIGNER = Signer("modes.example/log", bytes(range(32)))


class CountingStore(FileStore):
    """A real store that counts what it is asked for, and can be slow or fail."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.calls: Counter[str] = Counter()
        self.pause = 0.0
        self.fail = False

    def append(self, at: Position, data: bytes, *, synced: bool = True) -> None:
        self.calls["synced" if synced else "written"] += 1
        time.sleep(self.pause)
        if self.fail:
            self._fail("append", OSError(5, "Input/output error"))
        super().append(at, data, synced=synced)

    def sync(self) -> None:
        self.calls["sync"] += 1
        super().sync()


def opened(
    directory: Path, mode: str, segment_bytes: int = 64 * 1024 * 1024
) -> tuple[TokenSignatureLedger, CountingStore]:
    store = CountingStore(directory)
    log = TokenSignatureLedger(
        store,
        SIGNER,
        clock=time.time_ns,
        node="n",
        durability=Durability(mode),
        segment_bytes=segment_bytes,
    )
    store.calls.clear()
    return log, store


def in_threads(log: TokenSignatureLedger, threads: int, each: int) -> list[list[int]]:
    seqs: list[list[int]] = [[] for _ in range(threads)]
    gate = threading.Barrier(threads)

    def work(number: int) -> None:
        gate.wait()
        for index in range(each):
            [record] = log.append(Entry("t", {"thread": number, "index": index}))
            seqs[number].append(record.seq)

    running = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return seqs


@pytest.mark.parametrize("mode", ["strict", "group", "group(3)", "os"])
def test_the_mode_is_signed_with_every_head(tmp_path: Path, mode: str) -> None:
    log, _ = opened(tmp_path / "log", mode)
    with log:
        log.append(Entry("a", {}))
        assert log.checkpoint is not None
        assert log.checkpoint.durability == mode
        assert f"\ndurability {mode}\n" in log.checkpoint.note.decode()
    assert verify(tmp_path / "log", SIGNER.public).status is Status.OK


@pytest.mark.parametrize("name", ["", "Strict", "group()", "group(0)", "group(10000)", "group(05)"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(EntryError, match="expected strict, os, group"):
        Durability(name)


def test_strict_syncs_each_append(tmp_path: Path) -> None:
    log, store = opened(tmp_path / "log", "strict")
    with log:
        in_threads(log, 4, 5)
        assert store.calls == {"synced": 20}


def test_group_shares_a_sync_between_threads(tmp_path: Path) -> None:
    log, store = opened(tmp_path / "log", "group")
    store.pause = 0.03  # a slow disk, so that others queue up on a busy machine too
    with log:
        seqs = in_threads(log, 8, 5)
        assert store.calls["synced"] < 20  # of 40; some 10 where all are on time
        assert sorted(seq for each in seqs for seq in each) == list(range(1, 41))
        assert all(each == sorted(each) for each in seqs)
        for number, each in enumerate(seqs):
            for index, seq in enumerate(each):
                assert log.record(seq).attributes == {"thread": number, "index": index}
    assert verify(tmp_path / "log").status is Status.OK


def test_a_window_waits_for_the_others(tmp_path: Path) -> None:
    log, store = opened(tmp_path / "log", "group(200)")
    with log:
        in_threads(log, 6, 1)
        assert store.calls["synced"] <= 2


def test_a_lone_append_in_a_group_is_not_held_up(tmp_path: Path) -> None:
    log, store = opened(tmp_path / "log", "group")
    with log:
        log.append(Entry("a", {}))
        assert store.calls == {"synced": 1}


def test_one_bad_append_does_not_spoil_the_group(tmp_path: Path) -> None:
    log, store = opened(tmp_path / "log", "group(300)")
    problems: list[Exception] = []
    gate = threading.Barrier(4)

    def work(entry: Entry, expected: int | None = None) -> None:
        gate.wait()
        try:
            log.append(entry, expected=expected)
        except (BodyTooLarge, ConflictError) as problem:
            problems.append(problem)

    work_items = [
        (Entry("good", {}), None),
        (Entry("big", {"text": "x" * 70_000}), None),
        (Entry("late", {}), 77),
        (Entry("good", {}), None),
    ]
    threads = [threading.Thread(target=work, args=item) for item in work_items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.calls["synced"] <= 2
    assert sorted(type(problem).__name__ for problem in problems) == [
        "BodyTooLarge",
        "ConflictError",
    ]
    assert [record.kind for record in log.read(1)] == ["good", "good"]
    log.append(Entry("after", {}))
    log.close()
    assert verify(tmp_path / "log").status is Status.OK


def test_a_failed_sync_fails_everyone_in_the_group_and_is_final(tmp_path: Path) -> None:
    log, store = opened(tmp_path / "log", "group(200)")
    log.append(Entry("kept", {}))
    store.fail = True
    problems: list[Exception] = []
    gate = threading.Barrier(3)

    def work() -> None:
        gate.wait()
        try:
            log.append(Entry("lost", {}))
        except (DurabilityError, ClosedError) as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(problems) == 3
    with pytest.raises(ClosedError):
        log.append(Entry("later", {}))
    again, _ = opened(tmp_path / "log", "group")
    with again:
        assert [record.kind for record in again.read(1)] == ["kept"]


def test_a_large_group_is_written_before_its_head_and_synced_once(tmp_path: Path) -> None:
    """The disk works while the tree is hashed; what was so written alone is a tail, set aside."""
    large = [Entry("large", {"text": "x" * 7_000})] * 20
    log, store = opened(tmp_path / "log", "group")
    with log:
        log.append(*large)
        assert store.calls == Counter(written=2, sync=1)
        log.append(Entry("small", {}))
        assert store.calls == Counter(written=2, sync=1, synced=1)
        size = log.head.size

        def struck() -> None:
            raise KeyboardInterrupt

        store.sync = struck  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            log.append(*large)
        with pytest.raises(ClosedError):
            log.append(Entry("after", {}))
    end = (tmp_path / "log" / "segments" / "000000000000.seg").stat().st_size
    for cut in (end - 40, end - 100_000):  # within the head's frame; within the records
        folder = tmp_path / str(cut)
        shutil.copytree(tmp_path / "log", folder)
        os.truncate(folder / "segments" / "000000000000.seg", cut)
        with opened(folder, "group")[0] as again:
            assert again.head.size == size + 1
            assert again.record(size).kind == "ledger.recovered"
        assert verify(folder, SIGNER.public).status is Status.OK
    with opened(tmp_path / "log", "group")[0] as whole:
        assert whole.head.size == size + len(large)


def test_os_syncs_at_close_and_before_a_segment_is_left(tmp_path: Path) -> None:
    log, store = opened(tmp_path / "log", "os", segment_bytes=4096)
    log.append(Entry("a", {}))
    assert store.calls == {"written": 1}
    while store.end().segment == 0:
        log.append(Entry("fill", {"text": "x" * 500}))
    assert store.calls["sync"] == 1
    assert store.calls["synced"] == 0
    log.close()
    assert store.calls["sync"] == 2


def test_a_durable_record_never_stands_behind_an_unsynced_one(tmp_path: Path) -> None:
    loose, _ = opened(tmp_path / "log", "os")
    loose.append(Entry("loose", {}))
    firm, store = opened(tmp_path / "log", "strict")
    firm.append(Entry("firm", {}))
    assert store.calls == {"sync": 1, "synced": 1}
    firm.append(Entry("firm", {}))
    assert store.calls == {"sync": 1, "synced": 2}
    loose.close()
    firm.close()
    assert verify(tmp_path / "log").status is Status.OK


WORKER = """
import sys, time
from pathlib import Path
from ledger import Durability, Entry, Signer, TokenSignatureLedger
log = TokenSignatureLedger.open(Path(sys.argv[1]), Signer("modes.example/log", bytes(range(32))),
    clock=time.time_ns, node="n", durability=Durability(sys.argv[2]))
while True:
    [record] = log.append(Entry("k", {"text": "x" * 100}))
    print(record.seq, flush=True)
"""


@pytest.mark.parametrize("mode", ["strict", "group", "os"])
def test_what_was_acknowledged_survives_the_process(tmp_path: Path, mode: str) -> None:
    running = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(tmp_path / "log"), mode], stdout=subprocess.PIPE
    )
    assert running.stdout is not None
    seen = [int(running.stdout.readline()) for _ in range(50)]
    os.kill(running.pid, signal.SIGKILL)
    rest = running.communicate()[0].split(b"\n")
    last = max([*seen, *(int(word) for word in rest[:-1] if word)])
    with opened(tmp_path / "log", mode)[0] as log:
        assert log.head.size > last
    assert verify(tmp_path / "log").status is Status.OK


def test_an_interrupt_while_writing_ends_everyone_waiting(tmp_path: Path) -> None:
    log, store = opened(tmp_path / "log", "group")

    def interrupted(at: Position, data: bytes, *, synced: bool = True) -> None:
        raise KeyboardInterrupt

    store.append = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        log.append(Entry("a", {}))
    with pytest.raises(ClosedError):
        log.append(Entry("a", {}))


def test_objects_put_by_several_threads_are_synced_before_their_records(tmp_path: Path) -> None:
    log, _ = opened(tmp_path / "log", "group")
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for index in range(40):
                # The same content from several threads, and content of one's own.
                shared, own = f"shared {index}".encode(), f"{number} {index}".encode()
                log.append(Entry("k", {}, payload=log.objects.put(shared)))
                log.append(Entry("k", {}, payload=log.objects.put(own)))
        except (LedgerError, RuntimeError, OSError) as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    log.close()
    files = [path for path in (tmp_path / "log" / "objects").rglob("*") if path.is_file()]
    assert len(files) == 40 + 4 * 40
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o444}
    assert verify(tmp_path / "log", objects=True).status is Status.OK
