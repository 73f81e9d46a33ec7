"""Ends of a log as crashes leave them: cut anywhere, filled with zeros, in any segment."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import (
    DamagedError,
    Entry,
    FileStore,
    LedgerError,
    Signer,
    TokenSignatureLedger,
    digest,
    verify,
)
from ledger.storage.segment import HEADER, Frame, frames
from ledger.storage.store import Position

Clock = Callable[[], int]
NAME = "000000000000.seg"
FRAMES = 3
MIB = 1024 * 1024


def opened(folder: Path, signer: Signer, clock: Clock, size: int = 1 << 26) -> TokenSignatureLedger:
    return TokenSignatureLedger(
        FileStore(folder), signer, clock=clock, node="n1", segment_bytes=size
    )


@pytest.fixture
def three(tmp_path: Path, signer: Signer, clock: Clock) -> tuple[Path, bytes, int, bytes]:
    """A folder whose log ends in a group of two records that nobody was told of.

    Those two and their checkpoint are the last three frames. With it come the segment's bytes,
    the offset where the group begins, and the checkpoint published before it.
    """
    folder = tmp_path / "log"
    with opened(folder, signer, clock) as ledger:
        ledger.append(Entry("told", {"n": 1}), Entry("told", {"n": 2}))
        note = (folder / "checkpoint").read_bytes()
        start = (folder / "segments" / NAME).stat().st_size
        ledger.append(Entry("untold", {"text": "x" * 40}), Entry("untold", {}))
    return folder, (folder / "segments" / NAME).read_bytes(), start, note


def all_frames(folder: Path) -> list[Frame]:
    store = FileStore(folder, read_only=True)
    found = list(frames(store, Position(0, HEADER.size), store.end().offset))
    store.close()
    return [frame for frame in found if isinstance(frame, Frame)]


def revive(folder: Path, signer: Signer, clock: Clock, tail: bytes) -> None:
    """Opening sets ``tail`` aside, says so, keeps the three told records, and goes on."""
    with opened(folder, signer, clock) as ledger:
        kinds = [record.kind for record in ledger.read()]
        assert kinds[:3] == ["ledger.created", "told", "told"]
        if tail:
            said = ledger.record(3).attributes
            assert said["dropped_bytes"] == len(tail)
            assert said["digest"] == digest(tail)
            kept = folder / "quarantine" / str(said["file"])
            assert kept.read_bytes() == tail
            kept.unlink()
        assert kinds[3:] == (["ledger.recovered"] if tail else [])
        ledger.append(Entry("after", {}))
    with opened(folder, signer, clock) as ledger:
        ledger.append(Entry("after", {}))
        size = ledger.head.size
    result = verify(folder, signer.public)
    assert (result.status, result.size) == ("ok", size), result.first_bad


def test_the_last_three_frames_are_what_they_are_said_to_be(
    three: tuple[Path, bytes, int, bytes],
) -> None:
    folder, whole, start, _ = three
    last = all_frames(folder)[-FRAMES:]
    assert [frame.is_checkpoint for frame in last] == [False, False, True]
    assert last[0].start == start
    assert last[-1].stop == len(whole)


@pytest.mark.slow
def test_cut_at_every_byte(
    three: tuple[Path, bytes, int, bytes], signer: Signer, clock: Clock
) -> None:
    folder, whole, start, note = three
    for cut in range(start, len(whole)):
        (folder / "segments" / NAME).write_bytes(whole[:cut])
        (folder / "checkpoint").write_bytes(note)
        revive(folder, signer, clock, whole[start:cut])


@pytest.mark.parametrize("zeros", [1, 3, 4, 5, 511, 4096, 70_000, 1_100_000])
@pytest.mark.parametrize("kept", [0, 1])
def test_zeros_after_a_whole_frame(
    three: tuple[Path, bytes, int, bytes], signer: Signer, clock: Clock, zeros: int, kept: int
) -> None:
    folder, whole, start, note = three
    stop = [start, all_frames(folder)[-FRAMES].stop][kept]
    (folder / "segments" / NAME).write_bytes(whole[:stop] + bytes(zeros))
    (folder / "checkpoint").write_bytes(note)
    revive(folder, signer, clock, whole[start:stop] + bytes(zeros))


@pytest.mark.slow
def test_cut_at_every_byte_and_filled_with_zeros(
    three: tuple[Path, bytes, int, bytes], signer: Signer, clock: Clock
) -> None:
    """Where whole frames and zeros remain they are set aside; a bad whole frame is damage."""
    folder, whole, start, note = three
    path, set_aside, damaged = folder / "segments" / NAME, 0, 0
    for cut in range(start, len(whole)):
        data = whole[:cut] + bytes(len(whole) - cut)
        path.write_bytes(data)
        (folder / "checkpoint").write_bytes(note)
        (folder / "head").unlink(missing_ok=True)
        try:
            revive(folder, signer, clock, data[start:])
        except DamagedError:
            damaged += 1
            assert path.read_bytes() == data, "damage was cut"
            bad = verify(folder, signer.public).first_bad
            assert bad is not None
            assert bad.seq in {3, 4, 5}
        else:
            set_aside += 1
    assert set_aside > 5
    assert damaged > 100


@pytest.mark.slow
def test_later_segments_cut_at_every_byte(tmp_path: Path, signer: Signer, clock: Clock) -> None:
    """The opening of a segment comes whole or not at all, so a cut in it is never repaired."""
    folder, size = tmp_path / "log", 1_000
    with opened(folder, signer, clock, size) as ledger:
        ledger.append(Entry("told", {"text": "x" * 40}))
        note = (folder / "checkpoint").read_bytes()
        ledger.append(Entry("untold", {"text": "x" * 40}))
    path = folder / "segments" / "000000000001.seg"
    whole = path.read_bytes()
    store = FileStore(folder, read_only=True)
    first, *_ = frames(store, Position(1, HEADER.size), len(whole))
    store.close()
    assert isinstance(first, Frame)
    shutil.copytree(folder, tmp_path / "kept")
    refused = []
    for cut in range(len(whole)):
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "kept", folder)
        path.write_bytes(whole[:cut])
        (folder / "checkpoint").write_bytes(note)
        before = snapshot(folder)
        try:
            with opened(folder, signer, clock, size) as ledger:
                assert [r.kind for r in ledger.read()][:2] == ["ledger.created", "told"]
                ledger.append(Entry("after", {}))
        except LedgerError:
            refused.append(cut)
            assert snapshot(folder) == before
            assert verify(folder, signer.public).status == "broken"
        else:
            assert verify(folder, signer.public).status == "ok", cut
    assert refused == list(range(len(refused)))
    assert len(refused) <= first.stop


def snapshot(folder: Path) -> dict[str, bytes]:
    """The bytes of all segments."""
    return {path.name: path.read_bytes() for path in (folder / "segments").iterdir()}


def test_a_crash_in_the_middle_of_recovery(
    three: tuple[Path, bytes, int, bytes], signer: Signer, clock: Clock
) -> None:
    """The tail was copied to quarantine, but not cut yet: the next open does it again."""
    folder, whole, start, note = three
    tail = whole[start:-1]
    (folder / "quarantine").mkdir()
    for content in (tail, tail[:7], b""):
        (folder / "segments" / NAME).write_bytes(whole[:-1])
        (folder / "checkpoint").write_bytes(note)
        kept = folder / "quarantine" / f"3-{digest(tail).hex()[:16]}.tail"
        kept.write_bytes(content)
        revive(folder, signer, clock, tail)


def test_a_long_tail_is_not_taken_into_memory(
    three: tuple[Path, bytes, int, bytes],
    signer: Signer,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a crash leaves is short; what a stranger puts there may be longer than memory."""
    folder, whole, _, _ = three
    os.truncate(folder / "segments" / NAME, len(whole) + 6 * MIB)
    most, read = [0], FileStore.read

    def noting(store: FileStore, at: Position, count: int) -> bytes:
        most.append(count)
        return read(store, at, count)

    monkeypatch.setattr(FileStore, "read", noting)
    with opened(folder, signer, clock) as ledger:
        said = ledger.record(ledger.head.size - 1).attributes
    assert said["dropped_bytes"] == 6 * MIB
    assert said["digest"] == digest(bytes(6 * MIB))
    assert max(most) <= 2 * MIB
