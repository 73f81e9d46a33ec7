"""Who belongs to a fleet, and how far each node's log was seen: a fold over the fleet log.

Life of a member: admitted (its keys are known), observed (heads that only grow), perhaps rotated
(another key signs), perhaps obstructed (its keys contradicted themselves; it stays so until it is
admitted anew under a key that it never had). A record counts only if what it carries shows it, by
the state that the records before it left: signatures, consistency and rotations are checked again
here, and whatever is not justified is damage, named by its seq. Pure.

``checked=False`` takes the growth of heads on trust. It is for whoever wrote the log with checks
and holds its key; rotations, admissions and certificates are checked all the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from ledger.errors import DamagedError, FleetError, LedgerError, NodeUnknown
from ledger.fleet.announcing import Admitted, Announcement, Caught, Growth, Observed, Rotated, read
from ledger.fleet.certificate import Certificate
from ledger.fleet.obstruction import Obstruction
from ledger.form.record import Record
from ledger.trust import checkpoint
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.epochs import Epochs
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import verify_consistency
from ledger.trust.succession import succeed

_BLAMES: Final = {Obstruction.TWO_HISTORIES, Obstruction.TIME_BACK, Obstruction.NO_RECORD}
"""What one log's own keys must have signed: others prove nothing against a node."""


@dataclass(frozen=True, slots=True)
class Member:
    """A node as the fleet log knows it.

    ``head`` is the newest one observed; ``admitted``, ``seen`` and ``hlc`` say which record of the
    fleet log admitted it, which one has the last word about it, and when that was sealed.
    ``former`` are keys that it had when it was caught.
    """

    epochs: Epochs
    head: Checkpoint | None
    certificate: Certificate | None
    former: frozenset[bytes]
    admitted: int
    seen: int
    hlc: int

    @property
    def name(self) -> str:
        """The origin of its log."""
        return self.epochs.origin

    @property
    def size(self) -> int:
        """How many records of its log lie under the newest head; 0 before the first."""
        return 0 if self.head is None else self.head.size

    @property
    def keys(self) -> tuple[PublicKey, ...]:
        """All keys by which it is known, the newest last."""
        return tuple(epoch.key for epoch in self.epochs)

    def require_sound(self) -> None:
        """Refuse a node whose keys contradicted themselves."""
        if self.certificate is not None:
            raise FleetError(
                f"expected a node that is believed, found {self.name!r}, whose keys contradicted "
                f"themselves (record {self.seen} of the fleet log); admit it under a new key"
            )


@dataclass(frozen=True, slots=True)
class Fleet:
    """The members by name, after so many records of the fleet log."""

    members: Mapping[str, Member] = field(default_factory=lambda: MappingProxyType({}))

    def member(self, name: str) -> Member:
        """The node called ``name``."""
        if name not in self.members:
            known = ", ".join(sorted(self.members)) or "none"
            raise NodeUnknown(
                f"expected a node that the fleet log admitted ({known}), found {name!r}; admit it "
                "by its key, which its keeper knows"
            )
        return self.members[name]

    def after(self, record: Record, *, checked: bool = True) -> "Fleet":
        """The fleet after ``record``; ``DamagedError`` where what it carries does not show it."""
        try:
            said = read(record)
            if said is None:
                return self
            return self.told(said, record.seq, record.hlc, checked=checked)
        except LedgerError as problem:
            raise DamagedError(record.seq, f"what it says of a node: {problem}") from problem

    def told(self, said: Announcement, seq: int, hlc: int, *, checked: bool = True) -> "Fleet":
        """The fleet after ``said``, in record ``seq``; refused unless it shows itself."""
        if isinstance(said, Admitted):
            changed = replace(self.admitted(said), admitted=seq)
        else:
            member = self.member(said.node)
            member.require_sound()
            match said:
                case Observed():
                    changed = _observed(member, said, checked=checked)
                case Rotated():
                    changed = _rotated(member, said)
                case Caught():
                    changed = _caught(member, said)
        changed = replace(changed, seen=seq, hlc=hlc)
        return Fleet(MappingProxyType({**self.members, changed.name: changed}))

    def admitted(self, said: Admitted) -> Member:
        """The new member; a known name is admitted again only once caught, under a new key."""
        fresh = said.epochs.current.key
        known = self.members.get(said.node)
        former = frozenset[bytes]()
        if known is not None:
            former = known.former | {key.key for key in known.keys}
            if known.certificate is None:
                raise FleetError(f"expected another node, found {said.node!r}, admitted already")
            if fresh.key in former:
                raise FleetError(
                    f"expected a new key of {said.node!r}, found {fresh}, which it had when its "
                    "keys contradicted themselves"
                )
        return Member(said.epochs, None, None, former, admitted=-1, seen=-1, hlc=0)


def fold(records: Iterable[Record], fleet: Fleet | None = None, *, checked: bool = True) -> Fleet:
    """The fleet after ``records``, which follow those that led to ``fleet``."""
    found = Fleet() if fleet is None else fleet
    for record in records:
        found = found.after(record, checked=checked)
    return found


def blames(certificate: Certificate, member: Member) -> bool:
    """Whether ``certificate``, if it holds, is about the key that ``member`` signs with now.

    What a former key signed may show that it was stolen, and shows nothing against whoever rotated
    it away.
    """
    signers = {statement.key for statement in certificate.statements}
    return certificate.kind in _BLAMES and signers == {member.epochs.current.key}


def _observed(member: Member, said: Observed, *, checked: bool) -> Member:
    if not checked:
        return replace(member, head=checkpoint.read(said.note))
    head = checkpoint.confirmed(said.note, member.epochs)
    if head.size <= max(member.size, member.epochs.current.first):
        raise FleetError(
            f"expected a head of more than {max(member.size, member.epochs.current.first)} "
            f"records, found one of {head.size}"
        )
    _require_grown(member, head, said.growth)
    return replace(member, head=head)


def _rotated(member: Member, said: Rotated) -> Member:
    head, epochs = succeed(member.epochs, said.shown)
    _require_grown(member, head, said.growth)
    return replace(member, head=head, epochs=epochs)


def _caught(member: Member, said: Caught) -> Member:
    if not blames(said.certificate, member):
        raise FleetError("expected a certificate against this node's present key, found another")
    said.certificate.judge(member.keys)
    return replace(member, certificate=said.certificate)


def _require_grown(member: Member, head: Checkpoint, growth: Growth) -> None:
    """Refuse ``head`` unless it is shown to extend the one observed before."""
    if growth.old != member.size:
        raise FleetError(f"expected growth from {member.size} records, found it from {growth.old}")
    if member.head is not None:
        verify_consistency(growth.old, head.size, member.head.root, head.root, growth.hashes)
    elif growth.hashes:
        raise FleetError("expected no hashes before the first head, found some")
