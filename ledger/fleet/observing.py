"""Looking at a node's log, or at a head of it: what it adds to what the fleet log knows.

The order in which things are asked: does something that the node's known keys signed contradict an
observed head (then a certificate, whatever else is wrong)? Does the log have the keys by which the
node is known, and any later ones by rotations? Is its head as long as the one observed last? Only
then records are made. Reads the node's log, appends nothing.

A log that is shorter is a rollback; that it is also a fork can be told only as far as an observed
head is not longer than what it shows.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from ledger.errors import Incomplete, NoteError, ProofError, RollbackError, WrongKey
from ledger.evidence.lineage import succession
from ledger.fleet.announcing import Announcement, Growth, Observed, Rotated
from ledger.fleet.certificate import Certificate
from ledger.fleet.membership import Member
from ledger.fleet.obstruction import Obstruction, Statement
from ledger.trust import checkpoint
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.epochs import Epochs
from ledger.trust.equivocation import Finding, Prefix, judge
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import verify_consistency
from ledger.trust.tlog_proof import ConsistencyProof

if TYPE_CHECKING:
    from ledger.chain.log import TokenSignatureLedger

Earlier = Callable[[int], Checkpoint | None]
"""Answers the largest observed head of at most so many records."""
_COPY: Final = "it is an old copy, was cut, or was restored: find the newer one"


def contradiction(
    member: Member, log: "TokenSignatureLedger", earlier: Earlier
) -> Certificate | None:
    """The proof that ``log`` and an observed head of ``member`` are two histories, if they are.

    Only heads by keys of the member count, so that nobody is accused by a stranger's log.
    """
    shown = _newest(log, member.keys)
    if shown is None:
        return None
    key, head = shown
    seen = earlier(_reach(member, key, head.size))
    if seen is None:
        return None
    prefix = None
    if seen.size < head.size:
        prefix = Prefix(log.root_at(seen.size), log.prove_consistency(seen.size, head.size))
    return _two(member, seen, shown, prefix)


def announcements(member: Member, log: "TokenSignatureLedger") -> tuple[Announcement, ...]:
    """What is to be recorded of ``log``: its rotations since, and its head; none if nothing is new.

    Raises ``RollbackError`` where it is shorter than what was observed, and ``WrongKey`` where its
    keys are not the member's.
    """
    head, table = require_of(member, log)
    made: list[Announcement] = []
    old = member.size
    for row in table.rows[len(member.epochs) :]:
        growth = Growth(old, log.prove_consistency(old, row.first) if old else ())
        made.append(Rotated(member.name, succession(log, row.first), growth))
        old = row.first
    if head.size > old:
        growth = Growth(old, log.prove_consistency(old, head.size) if old else ())
        made.append(Observed(member.name, head.note, growth))
    return tuple(made)


def require_of(member: Member, log: "TokenSignatureLedger") -> tuple[Checkpoint, Epochs]:
    """The head of ``log`` and the keys up to the one that signed it, if it is the member's log.

    Raises ``WrongKey`` where its keys are not the member's, ``RollbackError`` where it is shorter
    than what was observed.
    """
    history, head = log.keys, log.checkpoint
    if history is None or head is None:
        raise NoteError("expected a signed log of a node, found one without a signed head")
    table = history.epochs.until(history.epochs.at(head.size).number)
    if not table.begins_with(member.epochs) and not member.epochs.begins_with(table):
        raise WrongKey(
            f"expected the log of {member.epochs.current.key}, found one of "
            f"{table.current.key} with another history of keys; if the node is known by a later "
            "key, admit it by its table of epochs (keys export-public --epochs)"
        )
    if head.size < member.size or len(table) < len(member.epochs):
        raise RollbackError(
            head.size,
            f"expected at least {max(member.size, member.epochs.current.first + 1)} records of "
            f"{member.name!r}, as observed before, found {head.size}; {_COPY}",
        )
    return head, table


def head_contradiction(member: Member, note: bytes, earlier: Earlier) -> Certificate | None:
    """The same for a head alone: only one of exactly an observed size can contradict."""
    head = checkpoint.confirmed(note, member.epochs)
    seen = earlier(head.size)
    if seen is None or seen.size != head.size:
        return None
    return _two(member, seen, (member.epochs.key_at(head.size), head), None)


def head_announcements(
    member: Member, note: bytes, proof: ConsistencyProof | None
) -> tuple[Announcement, ...]:
    """What is to be recorded of a head that came alone, with the proof that it grew."""
    head = checkpoint.confirmed(note, member.epochs)
    if head.size < member.size:
        raise RollbackError(
            head.size,
            f"expected at least {member.size} records of {member.name!r}, as observed before, "
            f"found a head of {head.size}; {_COPY}",
        )
    if head.size == member.size:
        return ()
    if member.head is None:
        return (Observed(member.name, note, Growth(0, ())),)
    if proof is None:
        raise Incomplete(
            f"expected a proof that the {member.size} records of {member.name!r} observed last are "
            f"the first of these {head.size}, found none; give --proof, as `prove DIR --since "
            f"{member.size}` writes it, or the log itself"
        )
    _require_linking(proof, member.head, head)
    return (Observed(member.name, note, Growth(member.size, proof.hashes)),)


def _require_linking(proof: ConsistencyProof, older: Checkpoint, head: Checkpoint) -> None:
    shown = checkpoint.read(proof.checkpoint)
    if (proof.old, shown.size, shown.root) != (older.size, head.size, head.root):
        raise ProofError(
            f"expected a proof from {older.size} to {head.size} records, found one from "
            f"{proof.old} to {shown.size}, or to another root"
        )
    try:
        verify_consistency(older.size, head.size, older.root, head.root, proof.hashes)
    except ProofError as problem:
        raise ProofError(
            f"the proof does not lead from the head observed last to this one: {problem}; it is a "
            "wrong proof, or the log was forked: observe the log itself, which tells"
        ) from problem


def _newest(
    log: "TokenSignatureLedger", keys: Sequence[PublicKey]
) -> tuple[PublicKey, Checkpoint] | None:
    """The newest head in ``log`` that one of ``keys`` signed."""
    history, head = log.keys, log.checkpoint
    if history is None or head is None:
        return None
    for row in reversed(history.epochs.rows[: history.epochs.at(head.size).number + 1]):
        if row.key in keys:
            stop = history.epochs.stop(row.number)
            last = head if stop is None or stop >= head.size else log.checkpoint_at(stop)
            return row.key, last
    return None


def _reach(member: Member, key: PublicKey, size: int) -> int:
    """Up to which size a head by ``key`` is to be held against what was observed.

    Beyond its epoch a key says nothing: what a thief signed with it there contradicts nobody. But
    what it signs there has a beginning, which must be the true one.
    """
    row = member.epochs.find(key)
    stop = None if row is None else member.epochs.stop(row.number)
    return size if stop is None else min(size, stop)


def _two(
    member: Member, seen: Checkpoint, shown: tuple[PublicKey, Checkpoint], prefix: Prefix | None
) -> Certificate | None:
    key, head = shown
    if judge(seen, head, prefix).finding is not Finding.TWO_HEADS:
        return None
    before = Statement.by(member.epochs.key_at(seen.size), seen.note)
    found = Certificate.of(
        Obstruction.TWO_HISTORIES, (before, Statement.by(key, head.note)), prefix
    )
    found.judge(member.keys)
    return found
