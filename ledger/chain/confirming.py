"""Having heads confirmed by others before they count: closed in failure.

A head is confirmed after it is durable, since nobody can confirm what may yet be lost. When too
few confirm, the append is refused although its records are written, and so is every further one
until the head is confirmed: the records are there, and nobody was told that they count.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from ledger.errors import NoteError, QuorumError
from ledger.storage.store import Store
from ledger.trust.checkpoint import Checkpoint, carries, read

Consistency: TypeAlias = Callable[[int, int], tuple[bytes, ...]]


class Confirming(Protocol):
    """Who confirms heads, under a policy; see ``ledger.witness.Witnesses``."""

    def remember(self, note: bytes) -> bool:
        """Whether the cosignatures on ``note`` meet the policy as it is."""
        ...

    def confirm(self, checkpoint: Checkpoint, consistency: Consistency) -> Checkpoint:
        """``checkpoint`` with enough cosignatures, or ``QuorumError``."""
        ...


class Confirmed(Protocol):
    """The log whose head is to be confirmed."""

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The signed head."""
        ...

    def prove_consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """The proof that one size is a prefix of the other."""
        ...

    def refresh(self) -> object:
        """Take what other processes appended."""
        ...


class Confirmations:
    """What one open log knows of the confirmation of its head."""

    def __init__(self, confirming: Confirming | None, store: Store) -> None:
        """Without ``confirming`` nothing is asked, and every head counts."""
        self._confirming = confirming
        self._store = store
        self._size = 0

    @property
    def wanted(self) -> bool:
        """Whether heads must be confirmed, and are published with cosignatures only."""
        return self._confirming is not None

    def require(self, log: Confirmed) -> None:
        """Have the head of ``log`` confirmed, unless it is; raises ``QuorumError``.

        Another process may have had a later head confirmed meanwhile, which witnesses prefer to
        ours and which covers ours: then that one is confirmed.
        """
        while True:
            head = log.checkpoint
            try:
                self._require(head, log.prove_consistency)
            except QuorumError:
                log.refresh()
                if log.checkpoint == head:
                    raise
            else:
                return

    def _require(self, head: Checkpoint | None, consistency: Consistency) -> None:
        if self._confirming is None or head is None or head.size == self._size:
            return
        published = self._store.published()
        if published is None or not carries(published, head.note):
            published = head.note
        if not self._confirming.remember(published):
            try:
                cosigned = self._confirming.confirm(head, consistency)
            except QuorumError as problem:
                raise QuorumError(
                    f"the {head.size} records are durable and do not count yet: {problem}; the "
                    "next append asks again",
                    problem.confirmed,
                    problem.reasons,
                ) from problem
            self._publish(head, cosigned)
        self._size = head.size

    def _publish(self, head: Checkpoint, cosigned: Checkpoint) -> None:
        """Unless another process published a later head meanwhile."""
        with self._store.exclusive():
            published = self._store.published()
            if published is None or _size(published) <= head.size:
                self._store.publish(cosigned.note)


def _size(published: bytes) -> int:
    """How many records a published head states; 0 for what a crash left."""
    try:
        return read(published).size
    except NoteError:
        return 0
