"""The form of a segment: a header, then frames. Pure: bytes in, frames out.

Header: 8 bytes magic, u32 format version, u32 segment number, all big-endian. Record frame: u32
length, body, 32-byte chain digest. Checkpoint frame: u32 length with the high bit set, signed
note, 32-byte BLAKE3 of the note. Every segment but the first opens with the checkpoint frame that
closed the one before.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from ledger.errors import DamagedError, FormatError
from ledger.form.canonical import digest
from ledger.form.record import MAX_BODY_BYTES
from ledger.storage.store import Position, Store
from ledger.trust.note import MAX_NOTE_BYTES

MAGIC: Final = b"OS2SEG\r\n"
FORMAT: Final = 1
HEADER: Final = struct.Struct(">8sII")
LENGTH: Final = struct.Struct(">I")
TAIL_BYTES: Final = 32
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
    """The frames of one segment from ``start`` up to offset ``stop``; a torn end comes last.

    A length that no writer produces raises ``DamagedError`` with seq -1; the caller knows the seq.
    """
    segment, base = start
    data = b""
    cursor = 0
    while base + cursor < stop:
        have = len(data) - cursor
        need = LENGTH.size
        if have >= need:
            word: int = LENGTH.unpack_from(data, cursor)[0]
            size = word & ~CHECKPOINT_BIT
            need = LENGTH.size + size + TAIL_BYTES
            if have >= need and size:
                body = cursor + LENGTH.size
                _check_length(word, size)
                begin = base + cursor
                cursor += need
                yield Frame(
                    word != size,
                    data[body : body + size],
                    data[body + size : cursor],
                    begin,
                    base + cursor,
                )
                continue
            if _zeros(store, Position(segment, base + cursor), stop):
                yield Torn(base + cursor, "a tail of zeros")
                return
            _check_length(word, size)
        if base + cursor + need > stop:
            yield Torn(base + cursor, "a frame that crosses the end of the file")
            return
        base, cursor, data = base + cursor, 0, _chunk(store, segment, base + cursor, need, stop)


def _chunk(store: Store, segment: int, offset: int, need: int, stop: int) -> bytes:
    data = store.read(Position(segment, offset), min(max(_CHUNK, need), stop - offset))
    if len(data) < need:
        raise DamagedError(-1, f"expected {need} bytes at offset {offset}, found {len(data)}")
    return data


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
