"""Frames are found whatever their lengths, wherever a piece that was read ends among them."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import MemoryStore
from ledger.form.canonical import digest
from ledger.storage import segment
from ledger.storage.segment import Frame, Run, Torn
from ledger.storage.store import Position

RECORDS = st.lists(st.binary(min_size=1, max_size=90), max_size=30)
NOTES = st.binary(min_size=1, max_size=60)
PIECES = st.integers(130, 400)  # no frame is longer


def found(data: bytes, piece: int) -> Iterator[Run | Frame | Torn]:
    store = MemoryStore()
    store.begin_segment(0, data)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(segment, "_CHUNK", piece)
        yield from segment.runs(store, Position(0, 0), len(data))


def flat(pieces: Iterator[Run | Frame | Torn]) -> list[tuple[str, bytes, bytes]]:
    told: list[tuple[str, bytes, bytes]] = []
    at = 0
    for piece in pieces:
        assert piece.start == at
        if isinstance(piece, Torn):
            told.append(("torn", b"", b""))
            continue
        at = piece.stop
        if isinstance(piece, Run):
            assert piece.bodies
            told += [("record", *pair) for pair in zip(piece.bodies, piece.digests, strict=True)]
        else:
            told.append(("head", piece.content, piece.tail))
    return told


@given(st.lists(st.tuples(RECORDS, NOTES), max_size=5), RECORDS, st.integers(0, 200), PIECES)
def test_every_frame_is_found_and_none_else(
    groups: list[tuple[list[bytes], bytes]], rest: list[bytes], cut: int, piece: int
) -> None:
    """Groups with their heads, records without one, and the last of it cut anywhere."""
    frames: list[tuple[str, bytes, bytes]] = []
    data: list[bytes] = []
    for records, note in [*groups, (rest, b"")]:
        for body in records:
            frames.append(("record", body, digest(body)))
            data.append(segment.record_frame(body, digest(body)))
        if note:
            frames.append(("head", note, digest(note)))
            data.append(segment.checkpoint_frame(note))
    whole = b"".join(data)
    cut = min(cut, len(data[-1]) - 1) if data else 0
    if cut:
        frames[-1] = ("torn", b"", b"")
    assert flat(found(whole[: len(whole) - cut], piece)) == frames


def test_more_lengths_than_are_remembered() -> None:
    bodies = [bytes([1]) * size for size in range(1, 1_500)]
    data = b"".join(segment.record_frame(body, bytes(32)) for body in bodies)
    (run,) = found(data, len(data))
    assert isinstance(run, Run)
    assert run.bodies == bodies
