"""The form of a segment: a header, then frames. Pure: bytes in, frames out.

Header: 8 bytes magic, u32 format version, u32 segment number, all big-endian. Record frame: see
``run``. Checkpoint frame: u32 length with the high bit set, signed
note, 32-byte BLAKE3 of the note. Every segment but the first opens with the checkpoint frame that
closed the one before.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from ledger.errors import DamagedError, FormatError
from ledger.form.canonical import digest
from ledger.form.record import MAX_BODY_BYTES
from ledger.storage.run import AROUND, LENGTH, TAIL_BYTES, Run
from ledger.storage.store import Position, Store
from ledger.trust.note import MAX_NOTE_BYTES

MAGIC: Final = b"OS2SEG\r\n"
FORMAT: Final = 1
HEADER: Final = struct.Struct(">8sII")
CHECKPOINT_BIT: Final = 0x80000000
SEGMENT_BYTES: Final = 64 * 1024 * 1024
_CHUNK: Final = 1024 * 1024


class Frame(NamedTuple):
    """A complete frame; ``start`` and ``stop`` are its offsets in the segment."""

    is_checkpoint: bool
    content: bytes
    tail: bytes
    start: int
    stop: int


class Torn(NamedTuple):
    """What stands at the end of a segment and is no complete frame."""

    start: int
    reason: str


def header(segment: int) -> bytes:
    """The first 16 bytes of ``segment``."""
    return HEADER.pack(MAGIC, FORMAT, segment)


def check_header(data: bytes, segment: int) -> None:
    """Refuse a header that is foreign, newer, or of another segment."""
    if len(data) < HEADER.size:
        raise FormatError(
            f"segment {segment}: expected a header of {HEADER.size} bytes, found {len(data)}; "
            "the file was cut or is no segment"
        )
    magic, version, number = HEADER.unpack(data[: HEADER.size])
    if magic != MAGIC:
        raise FormatError(f"segment {segment}: expected a ledger segment, found a foreign file")
    if version != FORMAT:
        raise FormatError(
            f"segment {segment}: expected format {FORMAT}, found {version}; use a newer version"
        )
    if number != segment:
        raise FormatError(
            f"segment {segment}: expected number {segment} in its header, found {number}; "
            "the file was renamed"
        )


def record_frame(body: bytes, chain: bytes) -> bytes:
    """The frame of a record."""
    return LENGTH.pack(len(body)) + body + chain


def checkpoint_frame(note: bytes) -> bytes:
    """The frame of a signed note."""
    return LENGTH.pack(len(note) | CHECKPOINT_BIT) + note + digest(note)


def frames(store: Store, start: Position, stop: int) -> Iterator[Frame | Torn]:
    """The frames of one segment from ``start`` up to offset ``stop``; a torn end comes last."""
    for found in runs(store, start, stop):
        if not isinstance(found, Run):
            yield found
            continue
        begin = found.start
        for body, tail in zip(found.bodies, found.digests, strict=True):
            end = begin + LENGTH.size + len(body) + TAIL_BYTES
            yield Frame(False, body, tail, begin, end)  # noqa: FBT003 - a field
            begin = end


def runs(store: Store, start: Position, stop: int) -> Iterator[Run | Frame | Torn]:
    """The same in larger pieces: records that follow one another come together.

    A ``Frame`` is then always a checkpoint. A length that no writer produces raises
    ``DamagedError`` with seq -1; the caller, who counts, knows the seq.
    """
    segment, base = start
    data, cursor = b"", 0
    while base + cursor < stop:
        run = Run.found(data, cursor, base)
        cursor = run.end
        if run.count:
            yield run
            if run.stop == stop:
                return
        found = _other(store, data, cursor, Position(segment, base), stop)
        if found is None:
            base, cursor = base + cursor, 0
            data = _chunk(store, Position(segment, base), stop)
            continue
        yield found
        if isinstance(found, Torn):
            return
        cursor = found.stop - base


def _other(
    store: Store, data: bytes, cursor: int, base: Position, stop: int
) -> Frame | Torn | None:
    """What stands at ``cursor``, where there is no complete record; None: read on from there."""
    at = Position(base.segment, base.offset + cursor)
    have, room = len(data) - cursor, stop - at.offset
    if have < LENGTH.size:
        return None if have < room and room >= LENGTH.size else _torn(store, at, stop)
    word: int = LENGTH.unpack_from(data, cursor)[0]
    size = word & ~CHECKPOINT_BIT
    need = size + AROUND
    if size == 0 or need > room:
        return _torn(store, at, stop, word)
    _check_length(word, size)
    if have < need:
        return None
    middle = cursor + LENGTH.size + size
    note, tail = data[cursor + LENGTH.size : middle], data[middle : cursor + need]
    return Frame(True, note, tail, at.offset, at.offset + need)  # noqa: FBT003 - a field


def _chunk(store: Store, at: Position, stop: int) -> bytes:
    wanted = min(_CHUNK, stop - at.offset)
    data = store.read(at, wanted)
    if len(data) < wanted:
        raise DamagedError(-1, f"expected {wanted} bytes at offset {at.offset}, found {len(data)}")
    return data


def _torn(store: Store, at: Position, stop: int, word: int = 1) -> Torn:
    """The end of a segment that is no frame; a length that no writer produces is damage."""
    if _zeros(store, at, stop):
        return Torn(at.offset, "a tail of zeros")
    _check_length(word, word & ~CHECKPOINT_BIT)
    return Torn(at.offset, "a frame that crosses the end of the file")


def _check_length(word: int, size: int) -> None:
    limit = MAX_NOTE_BYTES + 1 if word != size else MAX_BODY_BYTES
    if not 0 < size < limit:
        raise DamagedError(-1, f"expected a frame length of 1 to {limit - 1}, found {size}")


def _zeros(store: Store, start: Position, stop: int) -> bool:
    segment, offset = start
    while offset < stop:
        part = store.read(Position(segment, offset), min(_CHUNK, stop - offset))
        if not part or part.count(0) != len(part):
            return False
        offset += len(part)
    return True
