"""Forgeries, for demonstrations and tests; to be worked on a copy, each says what it did.

They need no key, as a forger has none. ``rewrite_record`` is the strongest: it makes chain, Merkle
roots and digests of everything after the record agree again, and only the signatures tell.
All work on ledgers of one segment.
"""

from pathlib import Path
from typing import Final, cast

from ledger.errors import LedgerError
from ledger.form import canonical
from ledger.form.canonical import Json
from ledger.form.record import genesis, link
from ledger.storage import segment
from ledger.storage.file_store import FileStore
from ledger.storage.segment import Frame
from ledger.storage.segment_files import segment_name
from ledger.storage.store import Position
from ledger.trust import checkpoint
from ledger.trust.merkle import Frontier, leaf_hash
from ledger.trust.note import Note, encode64, parse

_ATTRIBUTES: Final = 8
_SEQ: Final = 1


def flip_byte(directory: Path, offset: int) -> str:
    """Change the lowest bit of one byte of the first segment."""
    path = _path(directory)
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)
    return f"flipped one bit of byte {offset} in {path.name}"


def drop_tail(directory: Path, groups: int = 1) -> str:
    """Cut the last durable groups, cleanly at a checkpoint, as if they never happened."""
    frames = _frames(directory)
    ends = [frame.stop for frame in frames if frame.is_checkpoint]
    if len(ends) <= groups:
        raise LedgerError(f"expected more than {groups} groups to cut, found {len(ends)}")
    path = _path(directory)
    path.write_bytes(path.read_bytes()[: ends[-1 - groups]])
    return f"cut the last {groups} group(s) behind a valid checkpoint"


def swap_records(directory: Path, seq: int) -> str:
    """Exchange the frames of ``seq`` and the record after it."""
    path = _path(directory)
    records = [frame for frame in _frames(directory) if not frame.is_checkpoint]
    if not 0 <= seq < len(records) - 1:
        raise LedgerError(f"expected a record before {len(records) - 1}, found {seq}")
    first, second = records[seq], records[seq + 1]
    data = path.read_bytes()
    between = data[first.stop : second.start]
    path.write_bytes(
        data[: first.start]
        + data[second.start : second.stop]
        + between
        + data[first.start : first.stop]
        + data[second.stop :]
    )
    return f"exchanged records {seq} and {seq + 1}"


def rewrite_record(
    directory: Path, seq: int, attributes: dict[str, Json], *, strip_checkpoints: bool = False
) -> str:
    """Give ``seq`` other attributes and recompute all that can be recomputed without the key.

    Checkpoints after the record get the new size, root and chain digest under their old
    signatures; or, with ``strip_checkpoints``, are left out together with the published one.
    """
    frames = _frames(directory)
    first = canonical.decode(frames[0].content)
    origin = cast("dict[str, str]", cast("list[Json]", first)[_ATTRIBUTES])["origin"]
    chain, edge, parts = genesis(origin), Frontier(), [segment.header(0)]
    changed, note = False, b""
    for frame in frames:
        if frame.is_checkpoint:
            note = frame.content
            if changed and strip_checkpoints:
                continue
            if changed:
                note = _restated(note, edge.root(), chain)
            parts.append(segment.checkpoint_frame(note))
            continue
        values = cast("list[Json]", canonical.decode(frame.content))
        if values[_SEQ] == seq:
            values[_ATTRIBUTES], changed = cast("Json", attributes), True
        body = canonical.encode(values)
        chain = link(chain, body)
        edge.append(leaf_hash(body))
        parts.append(segment.record_frame(body, chain))
    if not changed:
        raise LedgerError(f"expected record {seq}, found {edge.size} records")
    _path(directory).write_bytes(b"".join(parts))
    (directory / "head").unlink(missing_ok=True)
    if strip_checkpoints:
        (directory / "checkpoint").unlink(missing_ok=True)
        return f"rewrote record {seq}, recomputed the chain, left out every later checkpoint"
    (directory / "checkpoint").write_bytes(note)
    return f"rewrote record {seq}, recomputed chain and Merkle roots, kept the old signatures"


def _restated(data: bytes, root: bytes, chain: bytes) -> bytes:
    """The checkpoint with another root and chain digest, under the signature it had."""
    old, note = checkpoint.read(data), parse(data)
    lines = note.text.split("\n")
    lines[2] = encode64(root)
    text = "\n".join(lines).replace(encode64(old.chain), encode64(chain))
    return Note(text, note.signatures).encode()


def _path(directory: Path) -> Path:
    return directory / "segments" / segment_name(0)


def _frames(directory: Path) -> list[Frame]:
    store = FileStore(directory, read_only=True)
    try:
        end = store.end()
        if end.segment != 0:
            raise LedgerError(f"expected a ledger of one segment, found {end.segment + 1}")
        start = Position(0, segment.HEADER.size)
        found = list(segment.frames(store, start, end.offset))
        return [frame for frame in found if isinstance(frame, Frame)]
    finally:
        store.close()
