"""The one stateful class of this package: an append-only chain of records with signed heads.

Life of an instance: opened (head known, log settled), used, closed. It closes itself when a write
or sync fails. ``head`` moves only in ``append`` and ``refresh``; what is visible always lies
under a signed checkpoint (over a memory store without signer: is simply there).

Several threads may share an instance, several processes may each open the directory: an append
holds the store's lock, first takes what others appended, then writes.

Not here: what happens under the lock (``writer``), sharing a sync between threads (``committer``),
what frames must satisfy (``follower``), bytes on disks (``storage``), whole audits (``verifying``).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Final, Self

from ledger.chain.committer import Committer, Request
from ledger.chain.confirming import Confirmations, Confirming
from ledger.chain.durability import Durability, group
from ledger.chain.follower import Follower
from ledger.chain.following import refuse_rollback
from ledger.chain.group import hybrid, one_by_one, refuse_reserved
from ledger.chain.identity import begun_keys, require_finished, require_name, require_vouched
from ledger.chain.places import Places
from ledger.chain.pruning import Proofs, Pruning
from ledger.chain.reading import Reading
from ledger.chain.remains import Kept, Remains, load
from ledger.chain.writer import Writer
from ledger.errors import (
    ClosedError,
    DamagedError,
    DurabilityError,
    LedgerError,
    NoteError,
    PrunedError,
    ReadOnlyError,
)
from ledger.form.canonical import Digest
from ledger.form.record import Author, Entry, Head, Record, fields, unsealed
from ledger.storage import segment
from ledger.storage.file_store import FileStore
from ledger.storage.objects import ObjectStore
from ledger.storage.store import Store
from ledger.trust import checkpoint
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.endorsement import KeyHistory, Pin
from ledger.trust.keyring import KeyFile, Keyring, refuse_inside
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import InclusionProof

if TYPE_CHECKING:
    from ledger.chain.proving import Proving
    from ledger.trust.kept import KeptHead, LogFacts

_CACHE_AT_CLOSE: Final = 64 * 1024
_SPACING_UNSIGNED: Final = 64
_DURABILITY: Final = group()


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
        signer: Keyring | None = None,
        *,
        clock: Callable[[], int],
        node: str,
        hlc: Callable[[int], int] | None = None,
        public_key: Pin | None = None,
        root: PublicKey | None = None,
        origin: str = "",
        segment_bytes: int = segment.SEGMENT_BYTES,
        author: Author | None = None,
        durability: Durability = _DURABILITY,
        kept: "KeptHead | None" = None,
        witnesses: Confirming | None = None,
    ) -> None:
        """Open the log in ``store``; ``hlc`` replaces the time derived from ``clock`` (in ns).

        ``signer`` is a ``Signer`` or a ``KeyFile``, which can rotate; a new log names ``root`` as
        the key that endorses its epochs. ``kept`` remembers heads apart from the log: a log that
        was cut or forked is refused. With ``witnesses`` an append counts when they confirmed it.
        """
        self._store = store
        self._keyring = signer
        self._signed = signer is not None or not store.volatile
        self._mutex = RLock()
        self._closed = False
        self._remains: Remains | None = None
        self._places = Places() if self._signed else Places(_SPACING_UNSIGNED)
        key = signer.public if signer is not None else public_key
        self._follower = Follower(key, signed=self._signed, origin=origin)
        self._writer = Writer(
            store,
            self._follower,
            self._places,
            keyring=signer,
            root=root,
            author=author or Author(),
            node=node,
            times=one_by_one(hlc) if hlc is not None else hybrid(clock),
            durability=durability,
            segment_bytes=segment_bytes,
            kept=kept,
            hold=partial(self._hold_against, kept),
            publishes=witnesses is None,
        )
        self._confirmations = Confirmations(witnesses, store)
        self._proofs: Proving | None = None
        self._committer = Committer(self._commit, self._mutex, durability)
        try:
            self._start()
        except LedgerError:
            self._store.close()
            raise

    @classmethod
    def open(  # noqa: PLR0913 - the parts of a log, by name
        cls,
        directory: Path,
        signer: Keyring,
        *,
        clock: Callable[[], int],
        node: str,
        create: bool = True,
        author: Author | None = None,
        durability: Durability = _DURABILITY,
        root: PublicKey | None = None,
        kept: "KeptHead | None" = None,
        witnesses: Confirming | None = None,
    ) -> Self:
        """Open the ledger in ``directory`` for appending, creating it when there is none."""
        if isinstance(signer, KeyFile):
            refuse_inside(signer.path, directory)
        store = FileStore(directory, create=create)
        return cls(
            store,
            signer,
            clock=clock,
            node=node,
            author=author,
            durability=durability,
            root=root,
            kept=kept,
            witnesses=witnesses,
        )

    @classmethod
    def read_only(cls, directory: Path, public_key: Pin | None = None) -> Self:
        """Open for reading; without a key, those the ledger itself names are used.

        ``public_key`` may be the key of any epoch, the root's, or a table of epochs.
        """
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
        return self._follower.mark.head

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The signed head."""
        return self._follower.mark.checkpoint

    @property
    def public_key(self) -> PublicKey | None:
        """The key that signs this ledger now."""
        return self._follower.key

    @property
    def keys(self) -> KeyHistory | None:
        """The epochs of its keys, and their endorsements; None in unsigned memory."""
        return self._follower.mark.keys

    @property
    def signers(self) -> tuple[PublicKey, ...]:
        """All keys that signed heads of this ledger, the newest last."""
        return () if self.keys is None else tuple(row.key for row in self.keys.epochs)

    @property
    def origin(self) -> str:
        """The ledger's name."""
        return self._follower.origin

    @property
    def directory(self) -> Path | None:
        """Where the ledger lies; None in memory."""
        return self._store.directory

    @property
    def objects(self) -> ObjectStore:
        """The content that records refer to."""
        return self._store.objects

    def append(self, *entries: Entry, expected: int | None = None) -> Sequence[Record]:
        """Append a group; all of it is acknowledged, or nothing. Safe from several threads.

        With ``expected``, only if the ledger has so many records; ``ConflictError`` otherwise.
        """
        refuse_reserved(entries)
        return self.append_own(*entries, expected=expected)

    def append_own(self, *entries: Entry, expected: int | None = None) -> Sequence[Record]:
        """The same for this package's own rooms, which write kinds ``ledger.*``."""
        self._require_appendable()
        return self._committer.submit(Request(entries, expected))

    def rotate(self) -> Record:
        """Begin a new epoch: a new key signs from here on, and the old one is destroyed."""
        return self._alone(self._writer.rotate)

    def endorse(self, note: bytes) -> Record:
        """Record an endorsement of epochs by the offline root; see ``endorse`` of the package."""
        return self._alone(lambda: self._writer.endorse(note))

    def append_verbatim(self, body: bytes) -> Record:
        """Add a recorded body as it is; for replay, over a memory store without signer."""
        with self._mutex:
            self._require_appendable()
            if self._signed:
                raise ReadOnlyError("expected an unsigned memory ledger, found a signed one")
            with self._store.exclusive():
                return unsealed(body, self._writer.take_verbatim(body))

    def refresh(self) -> Head:
        """Take what other processes appended; one fstat and one stat when there is nothing."""
        with self._mutex:
            self._require_open()
            if self._store.end() != self._follower.mark.stop:
                with self._store.shared():
                    end = self._store.end()
                self._writer.catch_up(end)
                require_vouched(self._keyring, self._follower)
            return self.head

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Record]:
        """The records ``start`` to ``stop``, each verified under a signature before it is given."""
        self._require_open()
        mark = self._follower.mark
        last = mark.size if stop is None else min(stop, mark.size)
        if start >= last:
            return iter(())
        self._require_kept(max(start, 0))
        return self._reading().records(self._places, self._writer.anchors, max(start, 0), last)

    def checkpoint_at(self, size: int) -> Checkpoint:
        """The checkpoint that closed a group at ``size`` records, signature verified."""
        self._require_open()
        reading = self._reading()
        if reading.epochs is None:
            raise NoteError("expected a signed ledger, found one without checkpoints")
        kept = self._kept(size - 1)
        note = kept.note if kept else reading.checkpoint(self._places, self._writer.anchors, size)
        return checkpoint.confirmed(note, reading.epochs)

    @property
    def first(self) -> int:
        """The first record that was not pruned, but for record 0, which always stays."""
        self._look_for_pruning()
        return self._places.least

    def prune(
        self,
        before: int,
        *,
        keep: Callable[[Digest], bool] | None = None,
        dry_run: bool = False,
    ) -> Pruning:
        """Remove the whole segments that end before record ``before``, for good and on record.

        Proofs stay valid, also those about what went. With ``keep``, the objects that only pruned
        records refer to go too, except those for which it says True.
        """
        proofs = Proofs(self.record, self.checkpoint_at, self.root_at)
        with self._mutex:
            self._require_appendable()
            if not dry_run:
                self._confirm()
            with self._store.exclusive():
                try:
                    done = self._writer.prune(before, proofs, keep=keep, dry_run=dry_run)
                except (DurabilityError, OSError):
                    self._closed = True
                    self._store.close()
                    raise
                finally:
                    if not self._closed:
                        self._look_for_pruning()
            if done.record is not None:
                self._confirm()
            return done

    def record(self, seq: int) -> Record:
        """The record ``seq``; IndexError beyond the head."""
        kept = self._kept(seq)
        if kept is not None:
            return unsealed(kept.body, kept.digest)
        for record in self.read(seq, seq + 1) if seq >= 0 else ():
            return record
        raise IndexError(f"expected a record below {self._follower.mark.size}, found {seq}")

    def prove(self, seq: int) -> InclusionProof:
        """The proof that record ``seq`` lies under the present head."""
        return self.prove_all([seq])[seq]

    def prove_all(self, seqs: list[int]) -> dict[int, InclusionProof]:
        """Proofs for several records under the present head; answered from tiles."""
        return self._proving().inclusions(seqs, self.head)

    def prove_consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """The proof that the first ``old`` records are the first of the first ``new``."""
        return self._proving().consistency(old, new, self.head)

    def root_at(self, size: int) -> bytes:
        """The Merkle root over the first ``size`` records, proven under the present head."""
        return self._proving().root_at(size, self.head)

    def leaves(self, start: int, stop: int) -> Iterator[bytes]:
        """The leaf hashes of these records as they lie there; for whoever checks the root."""
        return self._proving().leaves(start, stop, self.head)

    def facts(self) -> "LogFacts":
        """What this log says about its past, for a kept head to be held against it."""
        from ledger.trust.equivocation import Prefix  # noqa: PLC0415 - few openings need them
        from ledger.trust.kept import LogFacts  # noqa: PLC0415

        size = self.head.size

        def chain(old: int) -> Digest | None:
            try:
                return self.record(old - 1).digest
            except PrunedError:
                return None

        def prefix(old: int) -> Prefix:
            return Prefix(self.root_at(old), self.prove_consistency(old, size))

        return LogFacts(self.checkpoint, self.signers, prefix, chain)

    def close(self) -> None:
        """Renew the head cache when it pays, and release everything; idempotent."""
        with self._mutex:
            if self._closed:
                return
            self._closed = True
            try:
                self._writer.flush()
                self._writer.renew_cache(_CACHE_AT_CLOSE)
            finally:
                self._store.close()

    def _proving(self) -> "Proving":
        """Made at first use: most processes prove nothing, and need not load it."""
        from ledger.chain.proving import Proving  # noqa: PLC0415 - as said

        self._require_open()
        with self._mutex:
            if self._proofs is None:
                self._proofs = Proving(self._store, self._follower, self._places)
            return self._proofs

    def _commit(self, requests: list[Request]) -> None:
        """Called with the turn; a failure of the store is final, one of witnesses is not."""
        self._require_open()
        self._confirm()
        with self._store.exclusive():
            try:
                self._writer.commit(requests)
            except BaseException:
                self._closed = True
                self._store.close()
                raise
        self._confirm()

    def _confirm(self) -> None:
        """Have the present head confirmed by whoever must; asks nobody twice for one head."""
        if self._confirmations.wanted:
            self._confirmations.require(self)

    def _hold_against(self, kept: "KeptHead | None") -> None:
        """Refuse a log that is shorter than a head this machine saw, or has another past."""
        if kept is not None:
            kept.hold_against(self.facts())

    def _alone(self, write: Callable[[], Record]) -> Record:
        """Write what no other append shares a group with; a failure of the store is final."""
        with self._mutex:
            self._require_appendable()
            self._confirm()
            with self._store.exclusive():
                try:
                    record = write()
                except (DurabilityError, DamagedError, OSError):
                    self._closed = True
                    self._store.close()
                    raise
            self._confirm()
            return record

    def _start(self) -> None:
        if self._store.writable and not self._store.volatile and self._keyring is None:
            raise ReadOnlyError("expected a signer for a ledger on disk, found none; give its key")
        if self._keyring is not None:
            with self._store.exclusive():
                self._check_identity()
                self._writer.settle()
            return
        with self._store.shared():
            end, published = self._store.end(), self._store.published()
        if self._signed:
            self._check_identity()
            self._writer.begin(end)
        else:
            self._writer.catch_up(end)
        require_vouched(self._keyring, self._follower)
        refuse_rollback(published, self._follower)
        require_finished(self._follower)

    def _kept(self, seq: int) -> Kept | None:
        """What a pruning left of record ``seq``: of record 0, and of those about keys."""
        if seq >= self.first or self._remains is None:
            return None
        return next((kept for kept in self._remains.kept if fields(kept.body)[1] == seq), None)

    def _look_for_pruning(self) -> None:
        """Another process may have pruned since; one stat when none has."""
        known = 0 if self._remains is None else self._remains.segment
        if self._store.first() > known:
            self._remains = load(self._store)
        if self._remains is not None and self._remains.segment > known:
            mark = self._remains.mark(self._store)
            self._store.begin_at(mark.start.segment)
            self._places.begin_at(mark.size, mark.start)

    def _require_kept(self, seq: int) -> None:
        if seq < self.first and self._remains is not None:
            raise self._remains.refusal(seq)

    def _begin_pruned(self) -> bool:
        """Take what stays of a pruned prefix for the beginning of the log."""
        self._remains = load(self._store)
        if self._remains is None:
            return False
        mark = self._remains.mark(self._store)
        require_name(self._keyring, self._remains.keys)
        self._follower.begin(mark)
        self._store.begin_at(mark.start.segment)
        self._places.begin_at(mark.size, mark.start)
        return True

    def _check_identity(self) -> None:
        """Take origin and keys from what a pruning left, or from record 0."""
        if self._store.end().segment < 0 or self._begin_pruned():
            return
        found = begun_keys(self._store)
        if found is not None:
            require_name(self._keyring, found)
            self._follower.expect(found)

    def _reading(self) -> Reading:
        mark = self._follower.mark
        epochs = mark.keys.epochs if mark.keys is not None and self._signed else None
        return Reading(self._store, epochs, self._follower.origin, mark.stop)

    def _require_open(self) -> None:
        if self._closed:
            raise ClosedError("expected an open ledger, found a closed one; open it again")

    def _require_appendable(self) -> None:
        self._require_open()
        if not self._store.writable:
            raise ReadOnlyError("expected a ledger open for appending, found one for reading")
