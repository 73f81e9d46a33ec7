"""The one stateful class of this package: an append-only chain of records with signed heads.

Life of an instance: opened (head known, log settled), used, closed. It closes itself when a write
or sync fails. ``head`` moves only in ``append`` and ``refresh``; what is visible always lies
under a signed checkpoint (over a memory store without signer: is simply there).

Several threads may share an instance, several processes may each open the directory: an append
holds the store's lock, first takes what others appended, then writes.

Not here: what is asked of it (``answering``), what happens under the lock (``writer``), sharing a
sync between threads (``committer``), what frames must satisfy (``follower``), bytes on disks
(``storage``), whole audits (``verifying``).
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from ledger.chain.answering import Answering
from ledger.chain.committer import Committer, Request
from ledger.chain.confirming import Confirmations, Confirming
from ledger.chain.durability import Durability, group
from ledger.chain.follower import Follower
from ledger.chain.following import refuse_rollback
from ledger.chain.group import hybrid, one_by_one, refuse_reserved
from ledger.chain.identity import require_finished, require_vouched
from ledger.chain.pruning import Proofs, Pruning
from ledger.chain.writer import Writer
from ledger.errors import (
    DamagedError,
    DurabilityError,
    EquivocationError,
    LedgerError,
    ReadOnlyError,
    RollbackError,
)
from ledger.form.canonical import Digest
from ledger.form.record import Author, Entry, Head, Record, unsealed
from ledger.storage import segment
from ledger.storage.file_store import FileStore
from ledger.storage.store import Position, Store
from ledger.trust.endorsement import Pin
from ledger.trust.keyring import KeyFile, Keyring, refuse_inside
from ledger.trust.keys import PublicKey

if TYPE_CHECKING:
    from ledger.trust.kept import KeptHead

_CACHE_AT_CLOSE: Final = 64 * 1024
_DURABILITY: Final = group()


class TokenSignatureLedger(Answering):
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
        self._keyring = signer
        self._signed = signer is not None or not store.volatile
        key = signer.public if signer is not None else public_key
        follower = Follower(key, signed=self._signed, origin=origin)
        super().__init__(store, follower, lambda: self._writer.anchors)
        self._writer = Writer(
            store,
            follower,
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
            pass_over=self._pass_over,
            publishes=witnesses is None,
        )
        self._confirmations = Confirmations(witnesses, store)
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
                    if self._past.passed(self._follower.mark):  # nobody must prune meanwhile
                        self._writer.catch_up(end)
                self._writer.catch_up(end)
                require_vouched(self._keyring, self._follower)
            return self.head

    def prune(
        self,
        before: int,
        *,
        keep: Callable[[Digest], bool] | None = None,
        dry_run: bool = False,
    ) -> Pruning:
        """Remove the whole segments that end before record ``before``, for good and on record.

        Proofs stay valid, also those about what went. With ``keep``, the objects to which only
        pruned records lead go too, except those for which it says True and what those lead to.
        An object that somebody put and has not named in a record yet may be among them.
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
                        self._past.look()
            if done.record is not None:
                self._confirm()
            return done

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
                self._past.begin(self._keyring, self._follower)
                self._writer.settle()
            return
        with self._store.shared():
            end, published = self._store.end(), self._store.published()
        if self._signed:
            self._past.begin(self._keyring, self._follower)
            self._writer.begin(end)
        else:
            self._writer.catch_up(end)
        require_vouched(self._keyring, self._follower)
        refuse_rollback(published, self._follower)
        require_finished(self._follower)

    def _pass_over(self, end: Position) -> None:
        """Begin anew where another process pruned all that this one knew, and beyond."""
        known = self._follower.mark
        if not self._past.passed(known):
            return
        try:
            self._past.begin(self._keyring, self._follower)
            self._writer.begin(end)
            require_vouched(self._keyring, self._follower)
            self._proofs = None
            self._require_same_past(known.head)
        except BaseException:
            self._closed = True
            self._store.close()
            raise

    def _require_same_past(self, known: Head) -> None:
        """What this process knew of the log must be proven under its head now."""
        size = self._follower.mark.size
        if size < known.size:
            raise RollbackError(
                size,
                f"expected at least {known.size} records, as this process saw them, found {size} "
                "behind a pruning; the log was exchanged: restore it from a copy",
            )
        root = self.root_at(known.size) if known.size else known.root
        if root != known.root:
            raise EquivocationError(
                known.size - 1,
                f"expected root {known.root.hex()} over the first {known.size} records, as this "
                f"process saw them, found {root.hex()} behind a pruning; the log was exchanged",
            )

    def _require_appendable(self) -> None:
        self._require_open()
        if not self._store.writable:
            raise ReadOnlyError("expected a ledger open for appending, found one for reading")
