"""A ledger as JSON Lines, from which the same ledger can be made again, byte for byte.

One JSON object a line, in the one spelling of ``plain.line``, told apart by ``type``:

ledger      first: schema, origin, public key, and which records follow
segment     a segment of the log begins here
record      a record: its stored bytes as ``body``, its chain digest, and its fields to read
checkpoint  the signed note that stood here in the log
object      content, in parts of at most 1 MiB, all parts of one object together
end         last: how many lines there were, and the BLAKE3 of their bytes

A *full* export holds all records, segments and checkpoints. A partial one holds some records and
the newest checkpoint, and is for reading.

Lines are written as the log is followed; the signature that covers a record stands after it. So
what comes out of a pipe counts for something only once its ``end`` is there.
"""

import base64
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from blake3 import blake3

from ledger.chain.content import Content
from ledger.chain.follower import Follower
from ledger.errors import BundleError, DamagedError, LedgerMissing
from ledger.evidence.plain import Plain, hexed, instant, line, plain
from ledger.form.canonical import Digest, Json
from ledger.form.record import Record, unsealed
from ledger.storage import segment
from ledger.storage.file_store import FileStore
from ledger.storage.objects import CHUNK_BYTES, ObjectStore
from ledger.storage.run import Run
from ledger.storage.segment import Torn
from ledger.storage.store import Position
from ledger.trust import checkpoint
from ledger.trust.keys import PublicKey
from ledger.trust.note import encode64

if TYPE_CHECKING:
    from ledger.chain.log import TokenSignatureLedger

SCHEMA: Final = "os2.ledger.jsonl/1"
MAX_LINE_BYTES: Final = 4 * 1024 * 1024


class Segment(NamedTuple):
    """The mark of a segment's beginning."""

    number: int


def full_lines(
    directory: Path, public_key: PublicKey | None = None, *, objects: bool = False
) -> Iterator[bytes]:
    """The whole ledger in ``directory``; with ``objects``, also what its records refer to."""
    return ended(_full(directory, public_key, objects=objects))


def partial_lines(
    ledger: "TokenSignatureLedger", records: Iterable[Record], *, objects: bool = False
) -> Iterator[bytes]:
    """``records`` as ``ledger`` gave them, verified, and its signed head."""
    return ended(_partial(ledger, records, objects=objects))


def ended(lines: Iterator[bytes]) -> Iterator[bytes]:
    """``lines`` and the one that says how many there were, and the BLAKE3 of their bytes."""
    hasher, count = blake3(), 0
    for data in lines:
        hasher.update(data)
        count += 1
        yield data
    yield line({"type": "end", "lines": count, "blake3": hasher.hexdigest()})


def _full(directory: Path, key: PublicKey | None, *, objects: bool) -> Iterator[bytes]:
    with closing(FileStore(directory, read_only=True)) as store:
        follower = Follower(key)
        content = Content(hashing=False)
        for found in _followed(store, follower):
            if isinstance(found, Segment):
                if found.number:
                    yield segment_line(found.number)
            elif isinstance(found, Record):
                if found.seq == 0:
                    yield heading(follower.origin, found.attributes.get("public_key"), full=True)
                    yield segment_line(0)
                yield record_line(found)
                if objects:
                    content.take(store.objects, found)
            else:
                yield checkpoint_line(found)
        yield from _object_lines(store.objects, sorted(content.checked))


def _partial(
    ledger: "TokenSignatureLedger", records: Iterable[Record], *, objects: bool
) -> Iterator[bytes]:
    signed = ledger.checkpoint
    if signed is None:
        raise BundleError("expected a signed ledger, found one without checkpoint")
    yield heading(ledger.origin, str(ledger.public_key), full=False)
    content = Content(hashing=False)
    for record in records:
        yield record_line(record)
        if objects:
            content.take(ledger.objects, record)
    yield checkpoint_line(signed.note)
    yield from _object_lines(ledger.objects, sorted(content.checked))


def heading(origin: str, key: Json, *, full: bool) -> bytes:
    """The first line."""
    return line(
        {
            "type": "ledger",
            "schema": SCHEMA,
            "origin": origin,
            "public_key": plain(key),
            "full": full,
        }
    )


def segment_line(number: int) -> bytes:
    """The line where a segment begins."""
    return line({"type": "segment", "number": number})


def record_line(record: Record) -> bytes:
    """The line of a record."""
    return line(record_value(record))


def record_value(record: Record) -> dict[str, Plain]:
    """What the line of a record holds."""
    return {
        "type": "record",
        "seq": record.seq,
        "time": instant(record),
        "hlc": str(record.hlc),
        "node": record.node,
        "session": record.session,
        "actor": record.actor,
        "token": record.token,
        "kind": record.kind,
        "attributes": plain(record.attributes),
        "payload": hexed(record.payload),
        "commitment": hexed(record.commitment),
        "body": encode64(record.body),
        "chain": record.digest.hex(),
    }


def checkpoint_line(note: bytes) -> bytes:
    """The line of a checkpoint."""
    size = checkpoint.read(note).size
    return line({"type": "checkpoint", "size": size, "note": note.decode()})


def object_line(name: str, part: bytes, *, more: bool) -> bytes:
    """The line of a part of an object; ``more`` parts follow, or this is the last."""
    data = base64.b64encode(part).decode()
    return line({"type": "object", "digest": name, "data": data, "more": more})


def _object_lines(objects: ObjectStore, names: Iterable[Digest]) -> Iterator[bytes]:
    for name in names:
        with objects.open(name) as file:
            part = file.read(CHUNK_BYTES)
            while True:
                following = file.read(CHUNK_BYTES)
                yield object_line(name.hex(), part, more=bool(following))
                if not following:
                    break
                part = following


def _followed(store: FileStore, follower: Follower) -> Iterator[Segment | Record | bytes]:
    """Segments, records and notes of the whole log, in order; the follower judges all."""
    with store.shared():
        end = store.end()
    if end.segment < 0:
        raise LedgerMissing("expected a ledger with records, found none; check the path")
    try:
        for number in range(end.segment + 1):
            last = number == end.segment
            yield from _segment(store, follower, number, end.offset if last else -1)
    except DamagedError as problem:
        if problem.seq < 0:
            raise DamagedError(follower.size, problem.reason) from problem
        raise
    if follower.size != follower.mark.size:
        raise DamagedError(follower.mark.size, "expected a checkpoint at the end, found none")
    follower.vouched()


def _segment(
    store: FileStore, follower: Follower, number: int, stop: int
) -> Iterator[Segment | Record | bytes]:
    header = segment.HEADER.size
    segment.check_header(store.read(Position(number, 0), header), number)
    yield Segment(number)
    opens = number > 0
    length = store.length(number) if stop < 0 else stop
    for piece in segment.runs(store, Position(number, header), length):
        if isinstance(piece, Torn):
            raise DamagedError(follower.size, f"expected complete frames, found {piece.reason}")
        follower.follow(piece, number)
        if isinstance(piece, Run):
            for body, digest in zip(piece.bodies, piece.digests, strict=True):
                yield unsealed(body, Digest(digest))
        elif not opens:
            yield piece.content
        opens = False
