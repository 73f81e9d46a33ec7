"""A view: one node's log up to a signed head, as a merge reads it.

``View`` is what a merge asks for; it believes none of the answers, follows every record and comes
to the head or refuses. ``LogView`` gives a ledger that is open for reading, at its present head or
at an earlier one. Nothing here changes a ledger.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from ledger.chain.remains import PRUNED
from ledger.errors import DamagedError, Incomplete, NoteError, Obstructed
from ledger.fleet.breach import breach
from ledger.fleet.certificate import Certificate
from ledger.fleet.obstruction import Leaf, Obstruction, Statement
from ledger.form.record import Record
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.epochs import Epoch, Epochs
from ledger.trust.equivocation import Prefix
from ledger.trust.merkle import InclusionProof, inclusion_proofs

if TYPE_CHECKING:
    from ledger.chain.log import TokenSignatureLedger


class View(Protocol):
    """One log, as far as its head; reading it twice gives the same."""

    @property
    def head(self) -> Checkpoint:
        """The head, whose signature the maker of the view verified."""
        ...

    @property
    def epochs(self) -> Epochs:
        """The keys up to the one that signed the head."""
        ...

    @property
    def first(self) -> int:
        """The first record that is here, but for record 0; 0 where none was pruned."""
        ...

    def last_of(self, row: Epoch) -> Checkpoint:
        """The newest head up to ``head`` that the key of this epoch signed."""
        ...

    def prefix(self, old: int, new: int) -> Prefix:
        """The root of the first ``old`` records, and what leads from it to the root of ``new``."""
        ...

    def statement(self, *seqs: int) -> Statement:
        """These records, proven under a signed head."""
        ...

    def pruning(self) -> Statement:
        """The record that says why records before ``first`` are not here."""
        ...

    def records(self) -> Iterator[Record]:
        """Every record under the head, from record 0 on."""
        ...

    def breach(self) -> Certificate | None:
        """Once damage was met: the proof that the log's own key signed it, where it did."""
        ...


class LogView:
    """The ledger ``log``, open for reading, up to ``head`` or its present one."""

    def __init__(self, log: "TokenSignatureLedger", head: Checkpoint | None = None) -> None:
        """Refuse a ledger without a signed head, or one that does not contain ``head``."""
        present, keys = log.checkpoint, log.keys
        if present is None or keys is None:
            raise NoteError("expected a signed log of a node, found one without a signed head")
        self._log = log
        self._head = present if head is None else head
        if self._head.size > present.size:
            raise Incomplete(
                f"expected the {self._head.size} records of {log.origin!r} that its head states, "
                f"found {present.size}; find the newer copy"
            )
        if head is not None and log.root_at(head.size) != head.root:
            raise DamagedError(
                max(head.size - 1, 0), "the log does not have the root that its head states"
            )
        self._epochs = keys.epochs.until(keys.epochs.at(self._head.size).number)

    @property
    def head(self) -> Checkpoint:
        """The head."""
        return self._head

    @property
    def epochs(self) -> Epochs:
        """The keys up to the one that signed the head."""
        return self._epochs

    @property
    def first(self) -> int:
        """The first record that was not pruned."""
        return self._log.first

    def last_of(self, row: Epoch) -> Checkpoint:
        """The newest head up to ``head`` that the key of this epoch signed."""
        stop = self._epochs.stop(row.number)
        return self._head if stop is None else self._log.checkpoint_at(stop)

    def prefix(self, old: int, new: int) -> Prefix:
        """The root of the first ``old`` records, and what leads from it to the root of ``new``."""
        return Prefix(self._log.root_at(old), self._log.prove_consistency(old, new))

    def statement(self, *seqs: int) -> Statement:
        """These records under the head."""
        proofs = self._proofs(seqs)
        leaves = [Leaf(seq, self._log.record(seq).body, proofs[seq].hashes) for seq in seqs]
        return Statement.by(self._epochs.current.key, self._head.note, leaves)

    def pruning(self) -> Statement:
        """The record that states the last pruning, under the present head."""
        present, keys, first = self._log.checkpoint, self._log.keys, self._log.first
        assert present is not None
        assert keys is not None
        for record in self._log.read(first):
            if record.kind == PRUNED and record.attributes.get("size") == first:
                leaf = Leaf(record.seq, record.body, self._log.prove(record.seq).hashes)
                return Statement.by(keys.epochs.key_at(present.size), present.note, [leaf])
        raise DamagedError(first, "expected the record that states the pruning, found none")

    def records(self) -> Iterator[Record]:
        """Every record under the head, each verified before it is given."""
        return self._log.read(0, self._head.size)

    def breach(self) -> Certificate | None:
        """The proof that one of the log's keys signed the damage in its folder."""
        directory = self._log.directory
        return None if directory is None else breach(directory, self._log.signers)

    def _proofs(self, seqs: Sequence[int]) -> dict[int, InclusionProof]:
        size = self._head.size
        if size == self._log.head.size:
            return self._log.prove_all(list(seqs))
        return inclusion_proofs(seqs, size, self._log.leaves(0, size))


def obstructed(found: Certificate) -> Obstructed:
    """The error that carries ``found``, which must hold."""
    return Obstructed(found.judge(), found.encode())


def pruned(view: View) -> Certificate:
    """Why a log whose beginning was removed is not the whole of it."""
    return Certificate.of(Obstruction.PRUNED, [view.pruning()])
