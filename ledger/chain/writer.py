"""What happens under the store's lock: settling a log found on the disk, and writing groups.

A tail that no checkpoint covers was never acknowledged to anyone; it is not adopted, but set
aside, and a record says so. The state moves, in one assignment of the follower's mark, when a
write and its sync have succeeded; a write that fails leaves it, and the owner closes the store.

The key that signs is always the one that the log wants now: when another process has rotated,
the next write takes the new key from the keyring, or is refused.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ledger.chain import pruning, remains
from ledger.chain.anchors import Anchors
from ledger.chain.committer import Request
from ledger.chain.durability import OS, Durability
from ledger.chain.follower import Follower, Mark
from ledger.chain.following import follow_log, refuse_rollback
from ledger.chain.group import Group, Times
from ledger.chain.opening import beginnings
from ledger.chain.places import Places, dump_mark
from ledger.chain.sealing import first_of_segment, seal_last, seal_missing
from ledger.disk import LARGE
from ledger.errors import ConflictError, DamagedError, EpochError, KeyProblem, ReadOnlyError
from ledger.form.canonical import Digest, Json
from ledger.form.record import (
    ACCEPTED,
    CREATED,
    ENDORSED,
    RECOVERED,
    ROTATED,
    Author,
    Entry,
    Head,
    Record,
)
from ledger.storage import seals, segment
from ledger.storage.run import Run
from ledger.storage.segment import Frame
from ledger.storage.store import Position, Store
from ledger.storage.waypoints import Waypoint, due
from ledger.trust import checkpoint
from ledger.trust.checkpoint import Checkpoint, carries
from ledger.trust.endorsement import KeyHistory, certifies, read_endorsement
from ledger.trust.epochs import Epochs
from ledger.trust.keyring import Keyring
from ledger.trust.keys import PublicKey, Signer
from ledger.trust.merkle import Frontier

if TYPE_CHECKING:
    from ledger.trust.kept import KeptHead

_CACHE_EVERY: Final = 8 * 1024 * 1024  # bytes of log after which the head cache is renewed
_HEADER_END: Final = segment.HEADER.size


class Writer:
    """Keeps one follower at the end of one store's log, and writes there."""

    def __init__(  # noqa: PLR0913 - the parts of a log, named by the one caller
        self,
        store: Store,
        follower: Follower,
        places: Places,
        *,
        keyring: Keyring | None,
        root: PublicKey | None,
        author: Author,
        node: str,
        times: Times,
        durability: Durability,
        segment_bytes: int,
        kept: "KeptHead | None" = None,
        hold: Callable[[], None] = lambda: None,
        pass_over: Callable[[Position], None] = lambda _: None,
        publishes: bool = True,
    ) -> None:
        """``hold`` is called once, before anything is written: to hold the log against ``kept``.

        ``pass_over`` is told the end of a log of which segments may have been pruned since.
        """
        self._store = store
        self._follower = follower
        self._places = places
        self._keyring = keyring
        self._root = root
        self._signer: Signer | None = None
        self._author = author
        self._node = node
        self._times = times
        self._durability = durability
        self._segment_bytes = segment_bytes
        self._kept = kept
        self._hold = hold
        self._pass_over = pass_over
        self._publishes = publishes
        self._signed = follower.signed
        self._settled = False
        self._began = 0
        self._beginning = follower.mark
        self._cached_at = Position(-1, 0)
        self._false_seals: Sequence[int] = ()
        self.anchors = Anchors()

    def begin(self, end: Position) -> None:
        """Take the log up to ``end`` the short way if a known key vouches for it, else whole.

        A head that a known key signed confirms the way to it, wherever that began. Where only
        rotations lead to the newest key, they must be seen from the first on.
        """
        self._beginning = self._follower.mark
        self._follow_shortly(end)
        if self._began > self._beginning.size and not self._is_certain():
            self._places.clear()
            self._follow_from(self._beginning, end)

    def _follow_shortly(self, end: Position) -> None:
        if end.segment < 0 or self._beginning.keys is None:
            self._follow_from(self._beginning, end)
            return
        found = beginnings(self._store, self._beginning, self._places)
        self._false_seals = found.false_seals
        if found.cached is not None:
            self._cached_at = found.cached.stop
        *unsure, sure = found.marks
        for mark in unsure:
            with suppress(DamagedError):  # following from a sure place names what is damaged
                self._follow_from(mark, end)
                return
        self._follow_from(sure, end)

    def _follow_from(self, mark: Mark, end: Position) -> None:
        self._began, self.anchors = mark.size, Anchors()
        self._follower.begin(mark)
        self.catch_up(end)

    def _is_certain(self) -> bool:
        keys, size = self._follower.mark.keys, self._follower.mark.size
        assert keys is not None
        if self._keyring is None:
            return certifies(self._follower.pin, keys, size)
        current = keys.epochs.current
        try:
            self._keyring.signer(current.key)
        except KeyProblem:
            return False
        return size > current.first

    def catch_up(self, end: Position) -> None:
        """Take all that stands before ``end`` under a signature."""
        if end.segment > self._follower.mark.stop.segment:
            self._pass_over(end)
        for at, piece in follow_log(self._store, self._follower, end):
            if isinstance(piece, Frame):
                mark = self._follower.mark
                if self._places.note(mark.size, mark.start):
                    self.anchors.digests[mark.size] = mark.chain
            else:
                self._anchor(at)
        if self._signed:
            self._follower.rewind()
            self._vouch()
        else:  # in memory, where nobody signs, the log stands at its end
            self._follower.commit(None, end, end)

    def _vouch(self) -> None:
        """Remember that this process saw every record since it began."""
        keys = self._follower.mark.keys
        if keys is not None:
            self.anchors.followed(self._began, keys.epochs)

    def settle(self) -> None:
        """Take others' records, check publication, set an unsigned tail aside."""
        end = self._store.end()
        if self._settled and end == self._follower.mark.stop:
            self._take_key()
            return
        if self._settled:
            self.catch_up(end)
        else:
            self.begin(end)
        self._take_key()
        if self._signed:
            refuse_rollback(self._store.published(), self._follower)
            if not self._settled:
                self._hold()
            self._settle_tail(end)
            if not self._settled:
                self._seal_missing()
                self._finish_pruning()
        self._settled = True

    def _seal_missing(self) -> None:
        keys = self._follower.mark.keys
        if keys is not None and self._signer is not None:
            seal_missing(self._store, self._signer, self._beginning, self._false_seals)

    def _finish_pruning(self) -> None:
        if self._store.kept(pruning.INTENT) is not None or self._store.kept(remains.FILE):
            pruning.finish(self._store, self._follower.mark)

    def prune(
        self,
        before: int,
        proofs: pruning.Proofs,
        *,
        keep: Callable[[Digest], bool] | None,
        dry_run: bool,
    ) -> pruning.Pruning:
        """Remove whole segments before record ``before``; see ``pruning``."""
        self.settle()
        if self._signer is None:
            raise ReadOnlyError("expected a ledger that is signed here, found one that is not")
        source = pruning.Source(
            self._store, self._follower.mark, self._signer, proofs, self._write_own, self._author
        )
        return pruning.prune(source, before, keep=keep, dry_run=dry_run)

    def commit(self, requests: Iterable[Request]) -> None:
        """Write what ``requests`` ask for as one group; one that cannot be sealed fails alone."""
        self.settle()
        mark = self._follower.mark
        made = Group(mark.size, mark.chain, mark.hlc)
        for request in requests:
            try:
                _require_expected(request, made.size)
                request.records = made.seal(request.entries, self._times, self._node)
            except Exception as problem:  # noqa: BLE001 - whatever it is, it is this caller's
                request.problem = problem
        self._write(made)

    def rotate(self) -> Record:
        """Begin an epoch with a new key, and destroy the old one; returns the rotation record.

        The steps, and what a crash between them leaves, are those of ``trust.keyring``.
        """
        self.settle()
        keys, keyring = self._follower.mark.keys, self._keyring
        if keys is None or keyring is None:
            raise ReadOnlyError("expected a ledger that is signed here, found one that is not")
        fresh, number = keyring.prepare().public, keys.epochs.current.number + 1
        keys.epochs.rotated(self._follower.mark.size + 1, fresh, self._follower.chain)
        named: dict[str, Json] = {"epoch": number, "public_key": str(fresh)}
        record = self._write_own(self._author.entry(ROTATED, named))
        self._signer = keyring.signer(fresh)
        self._vouch()
        self._write_own(self._author.entry(ACCEPTED, named))
        self._settle_keys(fresh)
        return record

    def endorse(self, note: bytes) -> Record:
        """Record what an offline root endorsed; refused when it does not fit this log."""
        self.settle()
        keys = self._follower.mark.keys
        if keys is None:
            raise ReadOnlyError("expected a signed ledger to endorse, found an unsigned one")
        told: dict[str, Json] = {"note": note.decode()}
        keys.endorsed(self._follower.mark.size, told)
        against = read_endorsement(note)[0].contradiction(keys.epochs)
        if against is not None:
            raise EpochError(against)
        return self._write_own(self._author.entry(ENDORSED, told))

    def take_verbatim(self, body: bytes) -> Digest:
        """Write a recorded body as it is; only where nobody signs."""
        self.settle()
        mark = self._follower.mark
        made = Group(mark.size, mark.chain, mark.hlc)
        try:
            chain = self._follower.take_verbatim(body)
            made.take(Run.of([body], [chain]), self._follower.hlc)
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
        if end.segment != at.segment:
            raise DamagedError(
                mark.size,
                f"expected segment {end.segment} to open with a checkpoint, found it cut short: a "
                "segment begins whole or not at all; restore it from a copy",
            )
        if end != at:
            self._recover(at, end)
        elif mark.checkpoint is None:
            self._create(at)
        elif not carries(self._store.published() or b"", mark.checkpoint.note):
            self._publish(mark.checkpoint)

    def _recover(self, at: Position, end: Position) -> None:
        length, at_size = end.offset - at.offset, self._follower.size
        name = seals.digest_of(
            lambda offset, count: self._store.read(Position(at.segment, at.offset + offset), count),
            length,
        )
        file = f"{at_size}-{name.hex()[:16]}.tail"
        self._store.set_aside(at, file)
        if at_size == 0:
            self._create(at)
        recovered: dict[str, Json] = {
            "dropped_bytes": length,
            "digest": name,
            "file": file,
            "at_size": at_size,
        }
        self._write_own(self._author.entry(RECOVERED, recovered))

    def _create(self, at: Position) -> None:
        assert self._keyring is not None
        public = self._keyring.public
        self._signer = self._keyring.signer(public)
        begun = KeyHistory(Epochs.begun(public), self._root)
        self._follower.mark = self._follower.mark._replace(stop=at, keys=begun)
        created: dict[str, Json] = {
            "format": segment.FORMAT,
            "origin": public.name,
            "public_key": str(public),
        }
        if self._root is not None:
            created["root_key"] = str(self._root)
        self._write_own(self._author.entry(CREATED, created))

    def _take_key(self) -> None:
        """Hold the key that the log wants now, after finishing what a rotation began."""
        keys = self._follower.mark.keys
        if self._keyring is None or keys is None or self._follower.mark.checkpoint is None:
            return
        wanted = keys.epochs.current.key
        if self._signer is None or self._signer.public != wanted:
            self._signer = self._keyring.signer(wanted)
            self._settle_keys(wanted)

    def _settle_keys(self, current: PublicKey) -> None:
        """Finish a rotation, once its record can be lost no more: the old key goes for good."""
        assert self._keyring is not None
        if self._keyring.unsettled():
            self._store.sync()
            self._keyring.settle(current)

    def _write_own(self, entry: Entry) -> Record:
        mark = self._follower.mark
        made = Group(mark.size, mark.chain, mark.hlc)
        record = made.seal([entry], self._times, self._node)[0]
        keys = mark.keys
        if keys is not None and entry.kind == ROTATED:
            keys = keys.rotated(record.seq, record.attributes, record.digest)
        elif keys is not None and entry.kind == ENDORSED:
            keys = keys.endorsed(record.seq, record.attributes)
        self._write(made, keys)
        return record

    def _write(self, made: Group, keys: KeyHistory | None = None) -> None:
        """Write, sync once, and move the head when both succeeded.

        What is large is written before its tree is hashed, so that the disk is at work meanwhile;
        a crash in between leaves a tail without a signature, like one within a single write.
        """
        run = made.run()
        if not run.count:
            return
        synced, before = self._durability.synced, self._follower.mark
        if synced:
            self._store.objects.flush()
            self._sync_unsynced(before)
        records = run.data
        at = self._written_early(records) if synced and len(records) >= LARGE else None
        frontier = Frontier.resumed(before.size, before.edge)
        run.grow(frontier)
        keys = keys or before.keys
        edge = tuple(frontier.hashes)
        is_due = due(before.start.offset, before.stop.offset + len(records))
        more = self._waypoint(edge, keys) if is_due else {}
        signed = self._sign(Head(made.size, made.chain, frontier.root()), made.hlc, keys, more)
        frame = _frame(signed)
        if at is None:
            at = self._room_for(len(records) + len(frame))
            self._store.append(at, records + frame, synced=synced)
        else:
            self._store.append(Position(at.segment, at.offset + len(records)), frame, synced=False)
            self._store.sync()
        start = Position(at.segment, at.offset + len(records))
        stop = Position(at.segment, start.offset + len(frame))
        self._follower.begin(Mark(made.size, made.chain, made.hlc, edge, signed, start, stop, keys))
        if signed is None:
            self._anchor(stop)
            return
        if self._places.note(made.size, start):
            self.anchors.digests[made.size] = made.chain
        self._publish(signed)
        self.renew_cache()

    def _written_early(self, records: bytes) -> Position:
        """Write what a frame and a sync will follow; most frames are as long as the one before."""
        frame = _frame(self._follower.mark.checkpoint)
        at = self._room_for(len(records) + len(frame))
        self._store.append(at, records, synced=False)
        return at

    def _publish(self, head: Checkpoint) -> None:
        """Make ``head`` known beside the log, and remember it apart from the log."""
        if self._kept is not None:
            self._kept.advance(head)
        if self._publishes:
            self._store.publish(head.note)

    def _sign(
        self, head: Head, hlc: int, keys: KeyHistory | None, more: Mapping[str, str]
    ) -> Checkpoint | None:
        if self._signer is None or keys is None:
            return None
        said = keys.epochs.statement(head.size)
        return checkpoint.sign(self._signer, head, hlc, self._durability.name, said, more)

    def _waypoint(self, edge: tuple[bytes, ...], keys: KeyHistory | None) -> dict[str, str]:
        """What the next head says beyond its state, so that opening may begin there."""
        if keys is None:
            return {}
        first = first_of_segment(self._store, self._follower.mark.stop.segment, keys)
        return {} if first is None else Waypoint.of(edge, keys, first).extensions()

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
            self.anchors.digests[size] = self._follower.chain


def _frame(head: Checkpoint | None) -> bytes:
    return segment.checkpoint_frame(head.note) if head is not None else b""


def _require_expected(request: Request, size: int) -> None:
    if request.expected is not None and request.expected != size:
        raise ConflictError(
            f"expected {request.expected} records, found {size}; another "
            "writer appended first: refresh, decide again, append again"
        )
