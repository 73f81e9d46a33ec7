"""The folder of an open log is moved, and another is laid in its place: nobody mixes the two."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import Entry, FileObjects, FileStore, Signer, TokenSignatureLedger, verify

Opened = Callable[..., TokenSignatureLedger]


@pytest.fixture
def log(tmp_path: Path, reopen: Opened) -> Path:
    with reopen() as ledger:
        ledger.append(Entry("a", {}, payload=ledger.objects.put(b"before")))
    return tmp_path / "log"


def exchange(log: Path) -> Path:
    """Move the log away, and lay a copy in its place, as a restored backup is; where it went."""
    away = log.with_name("away")
    log.rename(away)
    shutil.copytree(away, log)
    return away


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_who_has_it_open_writes_to_what_was_opened(
    log: Path, reopen: Opened, signer: Signer
) -> None:
    """With the other's lock held by somebody, who would otherwise be written over."""
    with reopen() as ledger:
        away = exchange(log)
        before = content(log)
        other = FileStore(log)
        with other.exclusive():
            name = ledger.objects.put(b"behind")
            ledger.append(Entry("b", {}, payload=name))
            assert ledger.objects.get(name) == b"behind"
            ledger.prove(0)
        other.close()
        size = ledger.head.size
    assert content(log) == before
    found = verify(away, signer.public, objects=True)
    assert (found.status, found.size) == ("ok", size)
    assert (away / "tile").is_dir()


def test_a_reader_goes_on_in_what_was_opened(log: Path, reopen: Opened) -> None:
    with TokenSignatureLedger.read_only(log) as reader:
        size = reader.head.size
        away = exchange(log)
        with reopen() as other:
            other.append(Entry("of the copy", {}))
        assert reader.refresh().size == size
        away.rename(log.with_name("farther"))
        assert [record.seq for record in reader.read()] == list(range(size))


def test_pruning_removes_from_what_was_opened(
    tmp_path: Path, signer: Signer, clock: Callable[[], int]
) -> None:
    log = tmp_path / "log"
    with TokenSignatureLedger(
        FileStore(log), signer, clock=clock, node="n1", segment_bytes=2000
    ) as ledger:
        for n in range(20):
            name = ledger.objects.put(b"%d" % n)
            ledger.append(Entry("a", {"t": "x" * 300}, payload=name))
        away = exchange(log)
        before = content(log)
        done = ledger.prune(10, keep=lambda _: False)
        assert done.segments
        assert done.objects
    assert content(log) == before
    assert verify(away, objects=True).first == done.size
    assert len([*(away / "objects").glob("??/*")]) == 20 - done.objects


@pytest.mark.parametrize(
    "spare", ["segment.new", "000000000000.seal.new", "pruning.new", ".new-", "head.new"]
)
def test_moved_between_create_and_rename(
    tmp_path: Path,
    signer: Signer,
    clock: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    spare: str,
) -> None:
    log, away, real = tmp_path / "log", tmp_path / "away", os.rename
    moved = False

    def rename(source: Any, target: Any, **folders: Any) -> None:
        nonlocal moved
        if spare in str(source) and not moved:
            moved = True
            real(log, away)
            for name in ("segments", "seals", "objects", "tile"):
                (log / name).mkdir(parents=True)
        real(source, target, **folders)

    monkeypatch.setattr(os, "rename", rename)
    with TokenSignatureLedger(
        FileStore(log), signer, clock=clock, node="n1", segment_bytes=2000
    ) as ledger:
        for n in range(20):
            name = ledger.objects.put(b"%d" % n)
            ledger.append(Entry("a", {"t": "x" * 300}, payload=name))
        ledger.append(*[Entry("large", {"t": "x" * 30_000})] * 4)
        ledger.prune(10)
        size = ledger.head.size
    assert moved
    assert not content(log)
    found = verify(away, objects=True)
    assert (found.status, found.size) == ("ok", size)


def test_objects_on_their_own_fail_rather_than_sync_others(tmp_path: Path) -> None:
    """Nobody keeps their folder open; what was put is not where it was put."""
    objects = FileObjects(tmp_path / "objects")
    name = objects.put(b"one")
    exchange(tmp_path / "objects")
    assert objects.get(name) == b"one"
    shutil.rmtree(tmp_path / "objects")
    with pytest.raises(Exception, match="expected to store an object"):
        objects.flush()
