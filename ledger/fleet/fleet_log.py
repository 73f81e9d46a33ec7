"""A fleet log: an ordinary ledger in which heads of nodes are recorded once they are shown to hold.

State: the fold of what this instance read. Each writing verb folds what is new, decides, holds what
it will write against the fold, and appends only if nobody appended in between; else it begins
again, at most ``_ATTEMPTS`` times. A crash leaves a whole group of records or none of it.

What a node's key signed against itself is recorded too, so that it stays known; the error that
follows carries the certificate, for whoever asked.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from ledger.errors import ConflictError, Obstructed
from ledger.fleet.announcing import CHECKPOINT, ROTATED, Admitted, Announcement, Caught
from ledger.fleet.certificate import Certificate
from ledger.fleet.membership import Fleet, Member, blames, fold
from ledger.fleet.observing import (
    announcements,
    contradiction,
    head_announcements,
    head_contradiction,
)
from ledger.form.record import Author, Record
from ledger.trust import checkpoint
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.epochs import Epochs
from ledger.trust.keys import PublicKey
from ledger.trust.tlog_proof import ConsistencyProof

if TYPE_CHECKING:
    from ledger.chain.log import TokenSignatureLedger

_ATTEMPTS: Final = 10


class FleetLog:
    """Admits nodes and observes their logs, in the ledger ``log``."""

    def __init__(
        self, log: "TokenSignatureLedger", author: Author | None = None, *, checked: bool = True
    ) -> None:
        """Keep the heads of nodes in ``log``, in the name of ``author``.

        With ``checked`` everything that the log states is checked again as it is read; without,
        growth is taken on trust, which is for whoever wrote it.
        """
        self._log = log
        self._author = author or Author()
        self._checked = checked
        self._fleet = Fleet()
        self._size = 0

    @property
    def fleet(self) -> Fleet:
        """The members, as far as the log goes now."""
        size = self._log.refresh().size
        records = self._log.read(self._size, size)
        self._fleet = fold(records, self._fleet, checked=self._checked)
        self._size = size
        return self._fleet

    def admit(self, keys: PublicKey | Epochs) -> Record:
        """Record that the node named by ``keys`` belongs to the fleet, and by what it is known.

        ``keys`` are the key of its first epoch, or the table of its epochs.
        """
        said = Admitted(keys if isinstance(keys, Epochs) else Epochs.begun(keys))

        (record,) = self._append(lambda _: (said,))
        return record

    def observe(self, node: "TokenSignatureLedger") -> Sequence[Record]:
        """Record the head of a node's log, and its rotations since; nothing if nothing is new.

        Raises ``Obstructed`` when the node's keys signed two histories, ``RollbackError`` when the
        log is shorter than it was, ``NodeUnknown`` and ``WrongKey`` when it is not a member's.
        """

        def decide(fleet: Fleet) -> tuple[Announcement, ...]:
            member = _believed(fleet, node.origin)
            self._refuse(member, contradiction(member, node, self._earlier(member)))
            return announcements(member, node)

        return self._append(decide)

    def observe_head(self, note: bytes, proof: ConsistencyProof | None = None) -> Sequence[Record]:
        """The same for a head that came without its log; from the second on with a proof."""
        name = checkpoint.read(note).origin

        def decide(fleet: Fleet) -> tuple[Announcement, ...]:
            member = _believed(fleet, name)
            self._refuse(member, head_contradiction(member, note, self._earlier(member)))
            return head_announcements(member, note, proof)

        return self._append(decide)

    def contradiction(self, node: "TokenSignatureLedger") -> Certificate | None:
        """The proof that ``node`` and what was observed of it are two histories, if they are."""
        member = self.fleet.member(node.origin)
        return contradiction(member, node, self._earlier(member))

    def catch(self, found: Certificate) -> Sequence[Record]:
        """Record a certificate against a member's present key; of a former key, nothing."""

        def decide(fleet: Fleet) -> tuple[Announcement, ...]:
            member = fleet.member(found.origins[0])
            if member.certificate is not None or not blames(found, member):
                return ()
            return (Caught(member.name, found),)

        return self._append(decide)

    def _append(self, decide: Callable[[Fleet], tuple[Announcement, ...]]) -> Sequence[Record]:
        attempt = 0
        while True:
            known = self.fleet
            said = decide(known)
            if not said:
                return ()
            for each in said:  # what a reader would refuse must never be written
                known = known.told(each, self._size, 0)
            entries = [each.entry(self._author) for each in said]
            try:
                return self._log.append(*entries, expected=self._size)
            except ConflictError:
                attempt += 1
                if attempt == _ATTEMPTS:
                    raise

    def _refuse(self, member: Member, found: Certificate | None) -> None:
        if found is not None:
            reason = found.judge(member.keys)
            if not self.catch(found):
                reason += (
                    ". The node has since retired that key, so who signed this may have stolen it: "
                    "the fleet log says nothing against the node"
                )
            raise Obstructed(reason, found.encode())

    def _earlier(self, member: Member) -> Callable[[int], Checkpoint | None]:
        """The observed heads of ``member``, the newest first looked at; a pass where it is not."""

        def answer(size: int) -> Checkpoint | None:
            if member.head is None or member.size <= size:
                return member.head
            found: Checkpoint | None = None
            for record in self._log.read(member.admitted, self._size):
                told = record.attributes
                if record.kind in {CHECKPOINT, ROTATED} and told.get("node") == member.name:
                    head = checkpoint.read(str(told["checkpoint"]).encode())
                    found = head if head.size <= size else found
            return found

        return answer


def _believed(fleet: Fleet, name: str) -> Member:
    member = fleet.member(name)
    member.require_sound()
    return member
