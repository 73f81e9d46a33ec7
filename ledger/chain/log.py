"""The one stateful class of this package: an append-only chain of records with signed heads.

Life of an instance: opened (head known, log settled), used, closed. It closes itself when a write
or sync fails. ``head`` moves only in ``append`` and ``refresh``; what is visible always lies
under a signed checkpoint (over a memory store without signer: is simply there).

Several processes append to one directory. Each append holds the store's lock, first takes what
others appended, then writes. A tail that no checkpoint covers was never acknowledged to anyone;
it is not adopted, but set aside, and a record says so.

Not here: what frames must satisfy (``follower``), bytes on disks (``file_store``), whole audits
(``verifying``).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import RLock
from typing import Final, Self

from ledger.chain.follower import Follower
from ledger.chain.following import follow_log, refuse_rollback
from ledger.chain.places import Places, dump_mark, load_mark
from ledger.chain.reading import Reading
from ledger.errors import (
    ClockError,
    ClosedError,
    ConflictError,
    DurabilityError,
    EntryError,
    LedgerError,
    LedgerMissing,
    ReadOnlyError,
    WrongKey,
)
from ledger.form import canonical
from ledger.form.canonical import Digest, Json
from ledger.form.record import (
    CREATED,
    MAX_U64,
    RECOVERED,
    Author,
    Entry,
    Head,
    Record,
    seal,
    unsealed,
)
from ledger.storage import segment
from ledger.storage.file_store import FileStore
from ledger.storage.objects import ObjectStore
from ledger.storage.store import Position, Store
from ledger.trust import checkpoint
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.keys import PublicKey, Signer
from ledger.trust.merkle import InclusionProof, inclusion_proofs, leaf_hash

_CACHE_EVERY: Final = 1024 * 1024  # bytes of log after which the head cache is renewed
_CACHE_AT_CLOSE: Final = 64 * 1024
_SPACING_UNSIGNED: Final = 64
_COUNTER_BITS: Final = 16
_NANOSECONDS_PER_MS: Final = 1_000_000
_RESERVED: Final = "ledger."
_HEADER_END: Final = segment.HEADER.size


class TokenSignatureLedger:
    """An append-only chain of records, each bound to the token that acted.

    >>> from ledger import Entry, MemoryStore, TokenSignatureLedger
    >>> ledger = TokenSignatureLedger(MemoryStore(), clock=lambda: 0, node="here")
    >>> [record.seq for record in ledger.append(Entry("note", {"text": "hello"}))]
    [0]
    """

    def __init__(  # noqa: PLR0913 - each is a part a caller may replace, by name
        self,
        store: Store,
        signer: Signer | None = None,
        *,
        clock: Callable[[], int],
        node: str,
        hlc: Callable[[int], int] | None = None,
        public_key: PublicKey | None = None,
        origin: str = "",
        segment_bytes: int = segment.SEGMENT_BYTES,
        author: Author | None = None,
    ) -> None:
        """Open the log in ``store``; ``hlc`` replaces the time derived from ``clock`` (in ns)."""
        self._store = store
        self._signer = signer
        self._node = node
        self._author = author or Author()
        self._hlc = hlc if hlc is not None else _hybrid(clock)
        self._signed = signer is not None or not store.volatile
        self._segment_bytes = segment_bytes
        self._mutex = RLock()
        self._packer = canonical.packer()
        self._closed = False
        self._poisoned = False
        self._settled = False
        self._places = Places() if self._signed else Places(_SPACING_UNSIGNED)
        self._anchors: dict[int, Digest] = {}
        key = signer.public if signer is not None else public_key
        self._follower = Follower(key, signed=self._signed, origin=origin)
        self._cached_at = Position(-1, 0)
        try:
            self._start()
        except LedgerError:
            self._store.close()
            raise

    @classmethod
    def open(
        cls,
        directory: Path,
        signer: Signer,
        *,
        clock: Callable[[], int],
        node: str,
        create: bool = True,
        author: Author | None = None,
    ) -> Self:
        """Open the ledger in ``directory`` for appending, creating it when there is none."""
        store = FileStore(directory, create=create)
        return cls(store, signer, clock=clock, node=node, author=author)

    @classmethod
    def read_only(cls, directory: Path, public_key: PublicKey | None = None) -> Self:
        """Open for reading; without a key, the one the ledger itself names is used."""
        store = FileStore(directory, read_only=True)
        return cls(store, clock=lambda: 0, node="", public_key=public_key)

    def __enter__(self) -> Self:
        """Use as a context manager: closes at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    @property
    def head(self) -> Head:
        """Where the ledger stands, as far as this instance has looked."""
        return self._follower.head

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The signed head."""
        return self._follower.mark.checkpoint

    @property
    def public_key(self) -> PublicKey | None:
        """The key that signs this ledger."""
        return self._follower.key

    @property
    def origin(self) -> str:
        """The ledger's name."""
        return self._follower.origin

    @property
    def objects(self) -> ObjectStore:
        """The content that records refer to."""
        return self._store.objects

    def append(self, *entries: Entry, expected: int | None = None) -> tuple[Record, ...]:
        """Append a durable group; all of it is acknowledged, or nothing."""
        with self._mutex:
            self._require_appendable()
            _refuse_reserved(entries)
            with self._store.exclusive():
                self._settle()
                if expected is not None and self._follower.size != expected:
                    raise ConflictError(
                        f"expected {expected} records, found {self._follower.size}; another "
                        "process appended first: refresh, decide again, append again"
                    )
                return self._write_group(entries) if entries else ()

    def append_verbatim(self, body: bytes) -> Record:
        """Add a recorded body as it is; for replay, over a memory store without signer."""
        with self._mutex:
            self._require_appendable()
            if self._signed:
                raise ReadOnlyError("expected an unsigned memory ledger, found a signed one")
            with self._store.exclusive():
                self._settle()
                try:
                    chain = self._follower.take_verbatim(body)
                except LedgerError:
                    self._follower.rewind()
                    raise
                self._write(segment.record_frame(body, chain), None)
            return unsealed(self._packer, body, chain)

    def refresh(self) -> Head:
        """Take what other processes appended; one fstat and one stat when there is nothing."""
        with self._mutex:
            self._require_open()
            if self._store.end() != self._follower.mark.stop:
                with self._store.shared():
                    end = self._store.end()
                self._follow(end)
                self._stand(end)
            return self.head

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Record]:
        """The records ``start`` to ``stop``, each verified under a signature before it is given."""
        self._require_open()
        size = self._follower.size
        last = size if stop is None else min(stop, size)
        if start >= last:
            return iter(())
        return Reading(
            self._store,
            self._follower.key if self._signed else None,
            self._follower.origin,
            self._follower.mark.stop,
        ).records(self._places, self._anchors, max(start, 0), last)

    def record(self, seq: int) -> Record:
        """The record ``seq``; IndexError beyond the head."""
        for record in self.read(seq, seq + 1) if seq >= 0 else ():
            return record
        raise IndexError(f"expected a record below {self._follower.size}, found {seq}")

    def prove(self, seq: int) -> InclusionProof:
        """The proof that record ``seq`` lies under the present head."""
        return self.prove_all([seq])[seq]

    def prove_all(self, seqs: list[int]) -> dict[int, InclusionProof]:
        """Proofs for several records, from one pass over the log."""
        leaves = (leaf_hash(record.body) for record in self.read())
        return inclusion_proofs(seqs, self._follower.size, leaves)

    def close(self) -> None:
        """Renew the head cache when it pays, and release everything; idempotent."""
        with self._mutex:
            if self._closed:
                return
            self._closed = True
            try:
                if not self._poisoned:
                    self._renew_cache(_CACHE_AT_CLOSE)
            finally:
                self._store.close()

    def _start(self) -> None:
        if self._store.writable and not self._store.volatile and self._signer is None:
            raise ReadOnlyError("expected a signer for a ledger on disk, found none; give its key")
        if self._signer is not None:
            with self._store.exclusive():
                self._load()
                self._settle()
            return
        with self._store.shared():
            end, published = self._store.end(), self._store.published()
        if self._signed:
            self._load()
        self._follow(end)
        self._stand(end)
        refuse_rollback(published, self._follower)
        if self._signed and self._follower.size == 0:
            raise LedgerMissing(
                "expected a ledger with a signed head, found one that was never finished; open it "
                "for appending with its key"
            )

    def _load(self) -> None:
        """Begin at the cached head when the signed log confirms it, else at the beginning."""
        if self._store.end().segment < 0:
            return
        self._check_identity()
        key = self._follower.key
        mark = load_mark(self._store, key, self._places) if key is not None else None
        if mark is not None:
            self._follower.begin(mark)
            self._cached_at = mark.stop

    def _check_identity(self) -> None:
        """Record 0 names origin and key; the follower's own rules judge it, on a spare follower."""
        end = self._store.length(0)
        segment.check_header(self._store.read(Position(0, 0), _HEADER_END), 0)
        first = next(segment.frames(self._store, Position(0, _HEADER_END), end), None)
        if not isinstance(first, segment.Frame):
            return
        spare = Follower(None)
        spare.follow(first, 0)
        if self._follower.key is not None and self._follower.key != spare.key:
            raise WrongKey(
                f"expected the ledger of key {self._follower.key}, found the ledger of {spare.key}"
                "; use the key that created it"
            )
        self._follower.key, self._follower.origin = spare.key, spare.origin

    def _settle(self) -> None:
        """Under the lock: take others' records, check publication, set an unsigned tail aside."""
        end = self._store.end()
        if self._settled and end == self._follower.mark.stop:
            return
        self._follow(end)
        self._stand(end)
        if self._signed:
            refuse_rollback(self._store.published(), self._follower)
            self._settle_tail(end)
        self._settled = True

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
            self._publish(mark.checkpoint.note)

    def _stand(self, end: Position) -> None:
        """Go back to the last signed head; in memory, where nobody signs, stand at the end."""
        if self._signed:
            self._follower.rewind()
        else:
            self._follower.commit(None, end, end)

    def _follow(self, end: Position) -> None:
        """Take all frames up to ``end``, remembering where reading can begin later."""
        for at, frame in follow_log(self._store, self._follower, end):
            if frame.is_checkpoint:
                self._places.note(self._follower.size, self._follower.mark.start)
            else:
                self._anchor(at)

    def _anchor(self, at: Position) -> None:
        """Without checkpoints, remember chain digests ourselves; memory cannot be altered."""
        size = self._follower.size
        if not self._signed and self._places.note(size, at):
            self._anchors[size] = self._follower.chain

    def _publish(self, note: bytes) -> None:
        try:
            self._store.publish(note)
        except DurabilityError:
            self._poison()
            raise

    def _recover(self, at: Position, end: Position) -> None:
        """Set the unsigned tail aside and record it."""
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
        self._write_group((self._author.entry(RECOVERED, recovered),))

    def _create(self, at: Position) -> None:
        assert self._signer is not None
        self._follower.mark = self._follower.mark._replace(stop=at)
        created: dict[str, Json] = {
            "format": segment.FORMAT,
            "origin": self._signer.name,
            "public_key": str(self._signer.public),
        }
        self._write_group((self._author.entry(CREATED, created),))

    def _write_group(self, entries: tuple[Entry, ...]) -> tuple[Record, ...]:
        follower = self._follower
        parts: list[bytes] = []
        records: list[Record] = []
        try:
            for entry in entries:
                record = seal(
                    self._packer, entry, follower.size, self._tick(), self._node, follower.chain
                )
                follower.advance(record.body, record.digest, record.hlc)
                parts.append(segment.record_frame(record.body, record.digest))
                records.append(record)
            signed = self._sign()
            self._flush_objects()
        except BaseException:
            follower.rewind()  # nothing of a refused group was written
            raise
        self._write(b"".join(parts), signed)
        return tuple(records)

    def _sign(self) -> Checkpoint | None:
        if self._signer is None:
            return None
        return checkpoint.sign(self._signer, self._follower.head, self._follower.hlc)

    def _flush_objects(self) -> None:
        try:
            self.objects.flush()
        except DurabilityError:
            self._poison()
            raise

    def _write(self, data: bytes, signed: Checkpoint | None) -> None:
        """One write and one sync; the head moves when both succeeded."""
        frame = segment.checkpoint_frame(signed.note) if signed is not None else b""
        try:
            at = self._room_for(len(data) + len(frame))
            self._store.append(at, data + frame)
            start = Position(at.segment, at.offset + len(data))
            stop = Position(at.segment, start.offset + len(frame))
            self._follower.commit(signed, start, stop)
            if signed is None:
                self._anchor(stop)
                return
            self._places.note(self._follower.size, start)
            self._store.publish(signed.note)
            self._renew_cache(_CACHE_EVERY)
        except BaseException:
            self._poison()
            raise

    def _room_for(self, count: int) -> Position:
        mark = self._follower.mark
        if mark.stop.segment < 0:
            self._store.begin_segment(0, segment.header(0))
            return Position(0, _HEADER_END)
        full = mark.stop.offset + count > self._segment_bytes
        if not full or mark.checkpoint is None:
            return mark.stop
        number = mark.stop.segment + 1
        opening = segment.header(number) + segment.checkpoint_frame(mark.checkpoint.note)
        self._store.begin_segment(number, opening)
        return Position(number, len(opening))

    def _tick(self) -> int:
        previous = self._follower.hlc
        time = self._hlc(previous)
        if not previous < time <= MAX_U64:
            raise ClockError(
                f"expected a time after {previous} within 64 bits, found {time}; check the clock"
            )
        return time

    def _renew_cache(self, least: int) -> None:
        mark, old = self._follower.mark, self._cached_at
        if mark.checkpoint is None or not self._store.writable or self._store.volatile:
            return
        if mark.stop.segment != old.segment or mark.stop.offset - old.offset >= least:
            self._store.cache(dump_mark(mark, self._places))
            self._cached_at = mark.stop

    def _poison(self) -> None:
        self._poisoned = True
        self._closed = True
        self._store.close()

    def _require_open(self) -> None:
        if self._closed:
            raise ClosedError("expected an open ledger, found a closed one; open it again")

    def _require_appendable(self) -> None:
        self._require_open()
        if not self._store.writable:
            raise ReadOnlyError("expected a ledger open for appending, found one for reading")


def _refuse_reserved(entries: tuple[Entry, ...]) -> None:
    for entry in entries:
        if str(entry.kind).startswith(_RESERVED):
            raise EntryError(
                f"expected a kind outside {_RESERVED}*, found {entry.kind!r}: those are what the "
                "ledger says about itself; choose another kind"
            )


def _hybrid(clock: Callable[[], int]) -> Callable[[int], int]:
    """Milliseconds and a counter in one number; never goes back, whatever the clock does."""

    def after(previous: int) -> int:
        now = clock() // _NANOSECONDS_PER_MS << _COUNTER_BITS
        return max(now, previous + 1)

    return after
