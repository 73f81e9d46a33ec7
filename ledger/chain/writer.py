"""What happens under the store's lock: settling a log found on the disk, and writing groups.

A tail that no checkpoint covers was never acknowledged to anyone; it is not adopted, but set
aside, and a record says so. The state moves, in one assignment of the follower's mark, when a
write and its sync have succeeded; a write that fails leaves it, and the owner closes the store.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from ledger.chain.committer import Request
from ledger.chain.durability import OS, Durability
from ledger.chain.follower import Follower, Mark
from ledger.chain.following import follow_log, refuse_rollback
from ledger.chain.group import Group
from ledger.chain.places import Places, dump_mark, load_mark
from ledger.chain.sealing import nearest_mark, note_openings, seal_last, seal_missing
from ledger.errors import ConflictError
from ledger.form import canonical
from ledger.form.canonical import Digest, Json
from ledger.form.record import CREATED, RECOVERED, Author, Entry, Head
from ledger.storage import segment
from ledger.storage.segment import Frame
from ledger.storage.store import Position, Store
from ledger.trust import checkpoint
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.keys import Signer
from ledger.trust.merkle import Frontier

_CACHE_EVERY: Final = 1024 * 1024  # bytes of log after which the head cache is renewed
_HEADER_END: Final = segment.HEADER.size


class Writer:
    """Keeps one follower at the end of one store's log, and writes there."""

    def __init__(  # noqa: PLR0913 - the parts of a log, named by the one caller
        self,
        store: Store,
        follower: Follower,
        places: Places,
        *,
        signer: Signer | None,
        author: Author,
        node: str,
        clock: Callable[[], Callable[[int], int]],
        durability: Durability,
        segment_bytes: int,
    ) -> None:
        """``clock`` begins a group, and gives the function from one record's time to the next."""
        self._store = store
        self._follower = follower
        self._places = places
        self._signer = signer
        self._author = author
        self._node = node
        self._clock = clock
        self._durability = durability
        self._segment_bytes = segment_bytes
        self._signed = follower.signed
        self._settled = False
        self._cached_at = Position(-1, 0)
        self._false_seals: Sequence[int] = ()
        self.anchors: dict[int, Digest] = {}

    def load(self) -> None:
        """Begin at the cached head when the signed log confirms it, else behind the last seal."""
        key = self._follower.key
        if key is None:
            return
        mark = load_mark(self._store, key, self._places)
        if mark is not None:
            self._cached_at = mark.stop
        else:
            mark, self._false_seals = nearest_mark(self._store, key)
            note_openings(self._store, key.name, self._places)
        if mark is not None:
            self._follower.begin(mark)

    def catch_up(self, end: Position) -> None:
        """Take all that stands before ``end`` under a signature."""
        for at, piece in follow_log(self._store, self._follower, end):
            if isinstance(piece, Frame):
                self._places.note(self._follower.size, self._follower.mark.start)
            else:
                self._anchor(at)
        if self._signed:
            self._follower.rewind()
        else:  # in memory, where nobody signs, the log stands at its end
            self._follower.commit(None, end, end)

    def settle(self) -> None:
        """Take others' records, check publication, set an unsigned tail aside."""
        end = self._store.end()
        if self._settled and end == self._follower.mark.stop:
            return
        self.catch_up(end)
        if self._signed:
            refuse_rollback(self._store.published(), self._follower)
            self._settle_tail(end)
            if self._signer is not None and not self._settled:
                seal_missing(self._store, self._signer, self._false_seals)
        self._settled = True

    def commit(self, requests: Iterable[Request]) -> None:
        """Write what ``requests`` ask for as one group; one that cannot be sealed fails alone."""
        self.settle()
        mark = self._follower.mark
        made = Group(mark.size, mark.chain, mark.hlc)
        tick = self._clock()
        for request in requests:
            try:
                _require_expected(request, made.size)
                request.records = made.seal(request.entries, tick, self._node)
            except Exception as problem:  # noqa: BLE001 - whatever it is, it is this caller's
                request.problem = problem
        self._write(made)

    def take_verbatim(self, body: bytes) -> Digest:
        """Write a recorded body as it is; only where nobody signs."""
        self.settle()
        mark = self._follower.mark
        made = Group(mark.size, mark.chain, mark.hlc)
        try:
            chain = self._follower.take_verbatim(body)
            made.take([body], [chain], self._follower.hlc)
        finally:
            self._follower.rewind()
        self._write(made)
        return chain

    def renew_cache(self, least: int = _CACHE_EVERY) -> None:
        """Write the head cache when the log grew by ``least`` bytes since it was written."""
        mark, old = self._follower.mark, self._cached_at
        if mark.checkpoint is None or not self._store.writable or self._store.volatile:
            return
        if mark.stop.segment != old.segment or mark.stop.offset - old.offset >= least:
            self._store.cache(dump_mark(mark, self._places))
            self._cached_at = mark.stop

    def flush(self) -> None:
        """Make durable what this instance wrote without sync."""
        if not self._durability.synced and self._store.writable:
            self._store.objects.flush()
            self._store.sync()

    def _settle_tail(self, end: Position) -> None:
        mark = self._follower.mark
        if end.segment < 0:
            self._store.begin_segment(0, segment.header(0))
            end = Position(0, _HEADER_END)
        at = mark.stop if mark.stop.segment >= 0 else Position(0, _HEADER_END)
        if end != at:
            self._recover(at, end)
        elif mark.checkpoint is None:
            self._create(at)
        elif self._store.published() != mark.checkpoint.note:
            self._store.publish(mark.checkpoint.note)

    def _recover(self, at: Position, end: Position) -> None:
        tail = self._store.read(at, end.offset - at.offset)
        name, at_size = canonical.digest(tail), self._follower.size
        file = f"{at_size}-{name.hex()[:16]}.tail"
        self._store.set_aside(at, file)
        if at_size == 0:
            self._create(at)
        recovered: dict[str, Json] = {
            "dropped_bytes": len(tail),
            "digest": name,
            "file": file,
            "at_size": at_size,
        }
        self._write_own(self._author.entry(RECOVERED, recovered))

    def _create(self, at: Position) -> None:
        assert self._signer is not None
        self._follower.mark = self._follower.mark._replace(stop=at)
        created: dict[str, Json] = {
            "format": segment.FORMAT,
            "origin": self._signer.name,
            "public_key": str(self._signer.public),
        }
        self._write_own(self._author.entry(CREATED, created))

    def _write_own(self, entry: Entry) -> None:
        mark = self._follower.mark
        made = Group(mark.size, mark.chain, mark.hlc)
        made.seal([entry], self._clock(), self._node)
        self._write(made)

    def _write(self, made: Group) -> None:
        """One write and one sync; the head moves when both succeeded."""
        if not made.leaves:
            return
        synced, before = self._durability.synced, self._follower.mark
        frontier = Frontier(before.size, before.edge)
        frontier.extend(made.leaves)
        signed = self._sign(Head(made.size, made.chain, frontier.root()), made.hlc)
        frame = segment.checkpoint_frame(signed.note) if signed is not None else b""
        if synced:
            self._store.objects.flush()
            self._sync_unsynced(before)
        data = b"".join(made.parts)
        at = self._room_for(len(data) + len(frame))
        self._store.append(at, data + frame, synced=synced)
        start = Position(at.segment, at.offset + len(data))
        stop = Position(at.segment, start.offset + len(frame))
        edge = tuple(frontier.hashes)
        self._follower.begin(Mark(made.size, made.chain, made.hlc, edge, signed, start, stop))
        if signed is None:
            self._anchor(stop)
            return
        self._places.note(made.size, start)
        self._store.publish(signed.note)
        self.renew_cache()

    def _sign(self, head: Head, hlc: int) -> Checkpoint | None:
        if self._signer is None:
            return None
        return checkpoint.sign(self._signer, head, hlc, str(self._durability.name))

    def _sync_unsynced(self, before: Mark) -> None:
        """A durable record must not stand behind one that a power loss can take."""
        last = before.checkpoint
        if last is not None and last.durability == OS.name:
            self._store.sync()

    def _room_for(self, count: int) -> Position:
        mark = self._follower.mark
        if mark.stop.segment < 0:
            self._store.begin_segment(0, segment.header(0))
            return Position(0, _HEADER_END)
        full = mark.stop.offset + count > self._segment_bytes
        if not full or mark.checkpoint is None:
            return mark.stop
        self._sync_unsynced(mark)
        if self._signer is not None:
            seal_last(self._store, self._signer, mark)
        number = mark.stop.segment + 1
        opening = segment.header(number) + segment.checkpoint_frame(mark.checkpoint.note)
        self._store.begin_segment(number, opening)
        return Position(number, len(opening))

    def _anchor(self, at: Position) -> None:
        """Without checkpoints, remember chain digests ourselves; memory cannot be altered."""
        size = self._follower.size
        if not self._signed and self._places.note(size, at):
            self.anchors[size] = self._follower.chain


def _require_expected(request: Request, size: int) -> None:
    if request.expected is not None and request.expected != size:
        raise ConflictError(
            f"expected {request.expected} records, found {size}; another "
            "writer appended first: refresh, decide again, append again"
        )
