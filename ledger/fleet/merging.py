"""Merging: several logs read as one, a pure function of their views.

``merge`` takes views in any order, brings those of one log together, and gives a ``Merge``: one
*strand* a node, ascending by origin. Its records come in the order (hlc, node, seq), as they stand
in their logs: no byte of them changes, and none is linked to a record of another log. Merging is
commutative, associative (``Merge.views`` can be merged again) and idempotent; a log given twice,
once shorter, counts once. What was merged is named by ``identity``, a digest of the heads: those
fix every record, so equal identities are equal merges.

Nothing is believed: each strand is followed by the rules of a log to its head, and through every
shorter head that was given. So the records of a merge are whole only once its iterator has ended;
where it raises, what came before is the beginning of nothing. What cannot be merged raises
``Obstructed`` with a certificate. What is not there, or was altered on the way here, proves nothing
against a node, and raises ``DamagedError`` or ``Incomplete``.

Memory is flat: at most ``batch.MOST`` records of each strand.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge as in_order
from itertools import combinations
from typing import Final, NamedTuple

from blake3 import blake3

from ledger.chain.follower import Follower
from ledger.errors import DamagedError, Incomplete
from ledger.fleet.certificate import Certificate
from ledger.fleet.obstruction import Obstruction, Statement
from ledger.fleet.views import View, obstructed, pruned
from ledger.form import batch, canonical
from ledger.form.canonical import Digest, Json
from ledger.form.record import Record
from ledger.storage.store import Position
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.epochs import Epochs
from ledger.trust.equivocation import Finding, judge

_CONTEXT: Final = "os2shell ledger v1 2026 identity of a merge"
_NOWHERE: Final = Position(-1, 0)


class Merged(NamedTuple):
    """A record as it stands in the log called ``origin``."""

    origin: str
    record: Record


class _Placed(NamedTuple):
    """A record with its place in the order; two in one place compare by the names of their logs."""

    place: tuple[int, str, int]
    merged: Merged


class _Seen(NamedTuple):
    """A head that was given for a log, with the keys up to the one that signed it."""

    head: Checkpoint
    epochs: Epochs

    def statement(self) -> Statement:
        return Statement.by(self.epochs.key_at(self.head.size), self.head.note)


@dataclass(frozen=True, slots=True)
class Strand:
    """One node's log: the longest view of it, and all others given, which must lie on its way."""

    view: View
    shorter: tuple[View, ...] = ()

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.view.head.origin


@dataclass(frozen=True, slots=True)
class Merge:
    """Several logs as one; iterate ``records`` as often as wanted."""

    strands: tuple[Strand, ...]

    @property
    def views(self) -> tuple[View, ...]:
        """Everything that was merged, to be merged again with more."""
        return tuple(view for s in self.strands for view in (*s.shorter, s.view))

    @property
    def heads(self) -> tuple[Checkpoint, ...]:
        """The head of each log, ascending by origin."""
        return tuple(strand.view.head for strand in self.strands)

    @property
    def size(self) -> int:
        """How many records there are."""
        return sum(head.size for head in self.heads)

    @property
    def identity(self) -> Digest:
        """The name of what is merged."""
        return identity(self.heads)

    def records(self) -> Iterator[Merged]:
        """All records, in the order (hlc, node, seq); whole only once this ends."""
        last: _Placed | None = None
        for found in in_order(*map(_followed, self.strands)):
            if last is not None and last.place == found.place:
                raise obstructed(self._in_one_place(last.merged, found.merged))
            yield found.merged
            last = found

    def _in_one_place(self, *both: Merged) -> Certificate:
        views = {strand.origin: strand.view for strand in self.strands}
        statements = [views[each.origin].statement(each.record.seq) for each in both]
        return Certificate.of(Obstruction.ONE_PLACE, statements)


def merge(views: Iterable[View]) -> Merge:
    """The merge of ``views``; ``Obstructed`` where they cannot be one history."""
    logs: dict[str, list[View]] = {}
    for view in views:
        logs.setdefault(view.head.origin, []).append(view)
    return Merge(tuple(_strand(logs[origin]) for origin in sorted(logs)))


def identity(heads: Iterable[Checkpoint]) -> Digest:
    """BLAKE3 over origin, size and root of each head, ascending by origin."""
    rows: list[Json] = [
        [head.origin, head.size, head.root] for head in sorted(heads, key=_origin_of)
    ]
    return Digest(blake3(canonical.encode(rows), derive_key_context=_CONTEXT).digest())


def _strand(views: list[View]) -> Strand:
    """The views of one log as one, refused if any two of them are not of one history."""
    distinct = {_rank(view): view for view in sorted(views, key=_rank)}
    found = list(distinct.values())
    for one, other in combinations(found, 2):
        _require_one_history(one, other)
    longest = found[-1]
    if longest.first:
        raise obstructed(pruned(longest))
    # An equal head says nothing more; a pruned copy of it gave way to the whole one.
    shorter = [view for view in found if _text(view.head) != _text(longest.head)]
    return Strand(longest, tuple(shorter))


def _require_one_history(one: View, other: View) -> None:
    """``one`` is not longer than ``other``. Only what a key of both signed is held together.

    Up to the first key that they do not share, each has a newest head by a shared key. Where these
    two belong together, the shorter log is the beginning of the longer, its rotations included.
    """
    shared = sum(a == b for a, b in zip(one.epochs, other.epochs, strict=False))
    if not shared:
        statements = [one.statement(0), other.statement(0)]
        raise obstructed(Certificate.of(Obstruction.TWO_LOGS, statements))
    row = one.epochs.rows[shared - 1]
    sides = [(_Seen(view.last_of(row), view.epochs), view) for view in (one, other)]
    (small, _), (large, view) = sorted(sides, key=lambda side: side[0].head.size)
    old, new = small.head.size, large.head.size
    prefix = view.prefix(old, new) if 0 < old < new else None
    if judge(small.head, large.head, prefix).finding is Finding.TWO_HEADS:
        statements = [small.statement(), large.statement()]
        raise obstructed(Certificate.of(Obstruction.TWO_HISTORIES, statements, prefix))
    if not other.epochs.begins_with(one.epochs):
        raise DamagedError(
            max(old - 1, 0), "two views of one log state other keys after the same records"
        )


def _followed(strand: Strand) -> Iterator[_Placed]:
    """The records of one log; of damage that its key signed, the certificate."""
    try:
        yield from _through(strand)
    except DamagedError:
        found = strand.view.breach()
        if found is None:
            raise
        raise obstructed(found) from None


def _through(strand: Strand) -> Iterator[_Placed]:
    """The records of one log, by the rules of a log, through all heads that are known of it."""
    view, follower = strand.view, Follower()
    size, heads = view.head.size, _heads(strand)
    waiting: list[Record] = []
    for record in view.records():
        waiting.append(record)
        at = follower.size + len(waiting)
        if at > size:
            raise DamagedError(size, f"expected the {size} records under its head, found more")
        if at in heads or len(waiting) == batch.MOST:
            yield from _taken(follower, waiting, strand.origin)
            waiting = []
            for head in heads.get(at, ()):
                _reach(follower, head)
    if follower.size != size or waiting:
        raise Incomplete(
            f"expected {size} records of {strand.origin!r}, as its head states, found "
            f"{follower.size + len(waiting)}; find the rest, nothing is put in its place"
        )
    table = follower.mark.keys.epochs if follower.mark.keys is not None else None
    if table is None or table.until(table.at(size).number) != view.epochs:
        raise DamagedError(size - 1, "expected the keys that the view states, found others")


def _reach(follower: Follower, head: Checkpoint) -> None:
    """Hold the followed state against a head that lies here."""
    found = follower.judge(head.note)
    if found != head:
        raise DamagedError(
            follower.size - 1, "expected a head as its note states it, found another"
        )
    follower.commit(found, _NOWHERE, _NOWHERE)


def _heads(strand: Strand) -> dict[int, list[Checkpoint]]:
    """The heads on the way by their sizes: where keys change, where views end."""
    view = strand.view
    heads = [view.last_of(row) for row in view.epochs.rows[:-1]]
    heads += [each.head for each in (*strand.shorter, view)]
    found: dict[int, list[Checkpoint]] = {}
    for head in heads:
        found.setdefault(head.size, []).append(head)
    return found


def _taken(follower: Follower, records: list[Record], origin: str) -> list[_Placed]:
    """``records`` once they held, made again from their bytes: nothing else of them counts."""
    bodies = [record.body for record in records]
    digests = [bytes(record.digest) for record in records]
    rows: list[list[object]] = []
    follower.take_records(bodies, digests, rows.append)
    if follower.origin != origin:
        raise DamagedError(0, f"expected the log {origin!r}, found {follower.origin!r}")
    found = [
        Record(*values, body, digest)  # type: ignore[arg-type, call-arg]  # checked
        for values, body, digest in zip(rows, bodies, digests, strict=True)
    ]
    return [_Placed((each.hlc, each.node, each.seq), Merged(origin, each)) for each in found]


def _rank(view: View) -> tuple[int, bool, str]:
    """The longest last; of equal ones the whole one."""
    return view.head.size, not view.first, _text(view.head)


def _text(head: Checkpoint) -> str:
    """What was signed, without the signature lines."""
    return head.note.decode().rpartition("\n\n")[0]


def _origin_of(head: Checkpoint) -> str:
    return head.origin
