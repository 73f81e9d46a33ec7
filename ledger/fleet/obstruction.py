"""What stands in the way of a merge, as rules over what keys signed.

A *statement* is a signed head and records proven to be leaves under it. Each kind of obstruction
has one rule: from statements of a certain shape it follows, or it does not. Nothing else is asked,
so what holds here holds for every stranger.

two histories             one log, two heads that contradict each other (``trust.equivocation``)
two logs of one name      two records 0 of one origin that name different keys
two records in one place  records of two logs with the same (hlc, node, seq): neither goes first
time runs back            a later record of a log whose hlc is not larger than an earlier one's
a leaf that is no record  bytes that no reader takes, or a record in another record's place
pruned records            the log's own word that records of it were removed

Not here, because nothing proves them to others: a signature that does not hold (anybody can write
one), a record or a node that is missing (only who lacks it knows), a shorter head than one seen
before (an old copy looks the same), a false chain digest (only all records show it). Those are
refused where they are met. Pure.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from ledger.chain.remains import PRUNED
from ledger.errors import CanonicalError, CertificateError, LedgerError
from ledger.form import canonical
from ledger.form.record import CREATED, VERSION, fields
from ledger.trust import checkpoint, equivocation
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.equivocation import Finding, Prefix
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import InclusionProof, leaf_hash, verify_inclusion
from ledger.trust.note import Note, parse

_SEQ, _HLC, _NODE, _KIND, _ATTRIBUTES = 1, 2, 3, 7, 8


class Obstruction(StrEnum):
    """What can stand in the way of a merge, as far as it can be proven."""

    TWO_HISTORIES = "two histories"
    TWO_LOGS = "two logs of one name"
    ONE_PLACE = "two records in one place"
    TIME_BACK = "time runs back"
    NO_RECORD = "a leaf that is no record"
    PRUNED = "pruned records"


_SHAPES: Final = {
    Obstruction.TWO_HISTORIES: (0, 0),
    Obstruction.TWO_LOGS: (1, 1),
    Obstruction.ONE_PLACE: (1, 1),
    Obstruction.TIME_BACK: (2,),
    Obstruction.NO_RECORD: (1,),
    Obstruction.PRUNED: (1,),
}
"""How many records each statement of a kind holds."""


class Leaf(NamedTuple):
    """The bytes of leaf ``seq``, and the hashes that lead from it to the root of the head."""

    seq: int
    body: bytes
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A head, the key that signed it, and leaves under it; ``note`` has that one signature."""

    key: PublicKey
    note: bytes
    leaves: tuple[Leaf, ...] = ()

    @classmethod
    def by(cls, key: PublicKey, note: bytes, leaves: Iterable[Leaf] = ()) -> "Statement":
        """What ``key`` signed in ``note``; the signatures of others prove nothing and are cut."""
        whole = parse(note)
        mine = [each for each in whole.signatures if (each.name, each.key_id) == _line_of(key)]
        return cls(key, Note(whole.text, tuple(mine)).encode(), tuple(leaves))

    def head(self) -> Checkpoint:
        """The head, whose signature and leaves hold; refuses anything else."""
        found = checkpoint.verified(self.note, self.key)
        if len(parse(self.note).signatures) != 1:
            raise CertificateError("expected one signature below each head, found others with it")
        for leaf in self.leaves:
            proof = InclusionProof(leaf.seq, found.size, leaf.hashes)
            verify_inclusion(proof, leaf_hash(leaf.body), found.root)
        return found


class _Given(NamedTuple):
    """Verified statements, their heads, and the link between the sizes of these."""

    statements: Sequence[Statement]
    heads: list[Checkpoint]
    prefix: Prefix | None


def judge(kind: Obstruction, statements: Sequence[Statement], prefix: Prefix | None = None) -> str:
    """Why logs cannot be merged, in plain words; ``CertificateError`` where that is not shown."""
    try:
        heads = [statement.head() for statement in statements]
        given = _Given(statements, heads, prefix)
        _require_shape(kind, given)
        return _RULES[kind](given)
    except CertificateError:
        raise
    except LedgerError as problem:
        raise CertificateError(f"the certificate does not hold: {problem}") from problem


def ordered(statements: Iterable[Statement]) -> list[Statement]:
    """Statements in the one order that a certificate has them in: by origin, size and note."""
    return sorted(statements, key=_place)


def is_newer(body: bytes) -> bool:
    """Whether ``body`` may be a record of a later version, which is no fault of its writer."""
    try:
        values = canonical.decode(body)
    except CanonicalError:
        return False
    version = values[0] if isinstance(values, list) and values else None
    return type(version) is int and version > VERSION


def _require_shape(kind: Obstruction, given: _Given) -> None:
    """What the rule of ``kind`` would not look at must not be there: else nobody proves it."""
    counts = tuple(len(statement.leaves) for statement in given.statements)
    if counts != _SHAPES[kind] or list(given.statements) != ordered(given.statements):
        raise CertificateError(
            f"expected statements as {str(kind)!r} has them, in their order, found others"
        )
    unequal = len({head.size for head in given.heads}) > 1
    if given.prefix is not None and (kind is not Obstruction.TWO_HISTORIES or not unequal):
        raise CertificateError("expected no prefix but between two sizes of a log, found one")


def _two_histories(given: _Given) -> str:
    first, second = given.heads
    found = equivocation.judge(first, second, given.prefix)
    if found.finding is not Finding.TWO_HEADS:
        raise CertificateError(f"expected two histories, found {found.finding}: {found.reason}")
    return found.reason


def _two_logs(given: _Given) -> str:
    named: list[object] = []
    for statement, head in zip(given.statements, given.heads, strict=True):
        values = _record(statement.leaves[0])
        attributes = values[_ATTRIBUTES]
        assert isinstance(attributes, dict)
        begins = (values[_SEQ], values[_KIND], attributes.get("origin"))
        if begins != (0, CREATED, head.origin):
            raise CertificateError("expected the record 0 that creates the log, found another")
        named.append(attributes.get("public_key"))
    if given.heads[0].origin != given.heads[1].origin or named[0] == named[1]:
        raise CertificateError("expected one name begun under two keys, found no such thing")
    return (
        f"two logs are called {given.heads[0].origin!r}: one begins under the key {named[0]}, the "
        f"other under {named[1]}; which of them is meant only somebody who knows the key can say"
    )


def _one_place(given: _Given) -> str:
    leaves = [statement.leaves[0] for statement in given.statements]
    places = [(*_record(leaf)[_HLC : _NODE + 1], leaf.seq) for leaf in leaves]
    if given.heads[0].origin == given.heads[1].origin or places[0] != places[1]:
        raise CertificateError("expected records of two logs in one place, found no such thing")
    hlc, node, seq = places[0]
    return (
        f"record {seq} of {given.heads[0].origin!r} and record {seq} of {given.heads[1].origin!r} "
        f"both state hlc {hlc} and node {node!r}: the order (hlc, node, seq) does not say which "
        "goes first. Two logs write under one node's name; name the nodes apart"
    )


def _time_back(given: _Given) -> str:
    earlier, later = given.statements[0].leaves
    times = [_record(leaf)[_HLC] for leaf in (earlier, later)]
    assert isinstance(times[0], int)
    assert isinstance(times[1], int)
    if earlier.seq >= later.seq or times[1] > times[0]:
        raise CertificateError("expected a record later in the log and not in time, found none")
    return (
        f"the log {given.heads[0].origin!r} signed record {earlier.seq} at hlc {times[0]} and the "
        f"later record {later.seq} at hlc {times[1]}: its times do not grow, so they order nothing"
    )


def _no_record(given: _Given) -> str:
    leaf = given.statements[0].leaves[0]
    said = f"the log {given.heads[0].origin!r} signed as record {leaf.seq} what is none"
    try:
        values = fields(leaf.body)
    except CanonicalError as problem:
        if is_newer(leaf.body):
            raise CertificateError(
                f"expected record {leaf.seq} to be none in any version, found one that a newer "
                "version may know, which is no obstruction; use a newer version of this program"
            ) from problem
        return f"{said}: {problem}"
    if values[_SEQ] == leaf.seq:
        raise CertificateError("expected a leaf that is no record, found one that is")
    return f"{said} there: it states seq {values[_SEQ]}"


def _pruned(given: _Given) -> str:
    leaf = given.statements[0].leaves[0]
    values = _record(leaf)
    told = values[_ATTRIBUTES]
    assert isinstance(told, dict)
    first, size = told.get("first"), told.get("size")
    if values[_KIND] != PRUNED or type(first) is not int or type(size) is not int:
        raise CertificateError("expected the record that states a pruning, found another")
    if not 0 < first < size <= leaf.seq:
        raise CertificateError("expected a pruning of records before it, found other numbers")
    return (
        f"the log {given.heads[0].origin!r} states in record {leaf.seq} that its records {first} "
        f"to {size - 1} were removed: what the node still has is not the whole of its log"
    )


_RULES: Final[dict[Obstruction, Callable[[_Given], str]]] = {
    Obstruction.TWO_HISTORIES: _two_histories,
    Obstruction.TWO_LOGS: _two_logs,
    Obstruction.ONE_PLACE: _one_place,
    Obstruction.TIME_BACK: _time_back,
    Obstruction.NO_RECORD: _no_record,
    Obstruction.PRUNED: _pruned,
}


def _record(leaf: Leaf) -> list[object]:
    """The fields of a leaf, which must be the record of its place."""
    values = fields(leaf.body)
    if values[_SEQ] != leaf.seq:
        raise CertificateError(f"expected record {leaf.seq}, found record {values[_SEQ]}")
    return values


def _place(statement: Statement) -> tuple[str, int, bytes]:
    return (statement.key.name, checkpoint.read(statement.note).size, statement.note)


def _line_of(key: PublicKey) -> tuple[str, bytes]:
    return key.name, key.key_id
