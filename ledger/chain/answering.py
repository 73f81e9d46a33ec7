"""What an open log can be asked: its head, its records, and proofs about them.

Nothing is handed out that a signed head does not cover. What is visible lies under the head as far
as this instance has looked; who opens the log, moves its head and closes it is the owner (``log``).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Final

from ledger.chain.anchors import Anchors
from ledger.chain.follower import Follower
from ledger.chain.past import Past
from ledger.chain.places import Places
from ledger.chain.reading import Reading
from ledger.errors import ClosedError, NoteError, PrunedError
from ledger.form.canonical import Digest
from ledger.form.record import Head, Record, unsealed
from ledger.storage.objects import ObjectStore
from ledger.storage.store import Store
from ledger.trust import checkpoint
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.endorsement import KeyHistory
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import InclusionProof

if TYPE_CHECKING:
    from ledger.chain.proving import Proving
    from ledger.trust.kept import LogFacts

_SPACING_UNSIGNED: Final = 64


class Answering:
    """The questions; the base of the log itself."""

    def __init__(self, store: Store, follower: Follower, anchors: Callable[[], Anchors]) -> None:
        """Answer about the log in ``store`` as far as ``follower`` has come."""
        self._store = store
        self._follower = follower
        self._anchors = anchors
        self._mutex = RLock()
        self._closed = False
        self._places = Places() if follower.signed else Places(_SPACING_UNSIGNED)
        self._past = Past(store, self._places)
        self._proofs: Proving | None = None

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

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Record]:
        """The records ``start`` to ``stop``, each verified under a signature before it is given."""
        self._require_open()
        mark = self._follower.mark
        last = mark.size if stop is None else min(stop, mark.size)
        if start >= last:
            return iter(())
        self._past.require(max(start, 0))
        return self._reading().records(self._places, self._anchors(), max(start, 0), last)

    def checkpoint_at(self, size: int) -> Checkpoint:
        """The checkpoint that closed a group at ``size`` records, signature verified."""
        self._require_open()
        reading = self._reading()
        if reading.epochs is None:
            raise NoteError("expected a signed ledger, found one without checkpoints")
        kept = self._past.kept(size - 1)
        note = kept.note if kept else reading.checkpoint(self._places, self._anchors(), size)
        return checkpoint.confirmed(note, reading.epochs)

    @property
    def first(self) -> int:
        """The first record that was not pruned, but for record 0, which always stays."""
        return self._past.first

    def record(self, seq: int) -> Record:
        """The record ``seq``; IndexError beyond the head."""
        kept = self._past.kept(seq)
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

    def _proving(self) -> "Proving":
        """Made at first use: most processes prove nothing, and need not load it."""
        from ledger.chain.proving import Proving  # noqa: PLC0415 - as said

        self._require_open()
        with self._mutex:
            if self._proofs is None:
                self._proofs = Proving(self._store, self._follower, self._places)
            return self._proofs

    def _reading(self) -> Reading:
        mark = self._follower.mark
        epochs = mark.keys.epochs if mark.keys is not None and self._follower.signed else None
        return Reading(self._store, epochs, self._follower.origin, mark.stop)

    def _require_open(self) -> None:
        if self._closed:
            raise ClosedError("expected an open ledger, found a closed one; open it again")
