"""A window onto a recorded ledger: what a replaying engine appends is held against what is there.

It stands in for the ledger of one invocation. The engine appends as it does live; each record is
sealed with the place and time of the recorded one, so equal behaviour gives equal bytes, and equal
bytes behind an equal predecessor give an equal chain digest.
"""

from collections.abc import Iterator, Sequence

from ledger import Entry, Head, ObjectStore, Record, body_of
from os2shell.replay.compare import shown
from os2shell.replay.verdict import Divergence, ReplayStopped, Verdict


class Window:
    """The records of one invocation: its admission and its end."""

    def __init__(self, head: Head, records: tuple[Record, ...], objects: ObjectStore) -> None:
        """Begin right before ``records[0]``; ``head.size`` is its seq."""
        self._head = head
        self._left = list(records)
        self._objects = objects

    @property
    def head(self) -> Head:
        """The position the invocation began at; what others appended meanwhile does not show."""
        return self._head

    @property
    def first(self) -> int:
        """What was pruned is no matter here."""
        return 0

    @property
    def objects(self) -> ObjectStore:
        """The recorded objects, with room for new ones beside them."""
        return self._objects

    def append(
        self,
        *entries: Entry,
        expected: int | None = None,  # noqa: ARG002 — nobody else appends to the past
    ) -> Sequence[Record]:
        """Compare each entry with the recorded one; raises ``ReplayStopped`` at a difference."""
        return tuple(self._same(entry) for entry in entries)

    def read(
        self,
        start: int = 0,  # noqa: ARG002 — the shape of a chronicle
        stop: int | None = None,  # noqa: ARG002 — the shape of a chronicle
    ) -> Iterator[Record]:
        """Nothing lies between: the engine folds what it appends."""
        return iter(())

    def refresh(self) -> Head:
        """Nobody else appends to the past."""
        return self._head

    def _same(self, entry: Entry) -> Record:
        if not self._left:
            raise ReplayStopped(
                Verdict.DIVERGED,
                Divergence(
                    0,
                    entry.kind,
                    "a record that was not recorded",
                    "no further record",
                    shown(dict(entry.attributes)),
                    "none",
                    "the command records more than it did",
                ),
            )
        recorded = self._left.pop(0)
        present = body_of(entry, seq=recorded.seq, hlc=recorded.hlc, node=recorded.node)
        if present != recorded.body:
            raise ReplayStopped(Verdict.DIVERGED, _difference(recorded, entry))
        return recorded


def _difference(recorded: Record, present: Entry) -> Divergence:
    """Name the first attribute that differs."""
    what, expected, got = "kind", recorded.kind, present.kind
    for field in ("session", "actor", "token"):
        one, other = getattr(recorded, field), getattr(present, field)
        if one != other:
            what, expected, got = field, one, other
    keys = sorted({*recorded.attributes, *present.attributes})
    for key in keys:
        before, after = recorded.attributes.get(key), present.attributes.get(key)
        if before != after:
            what, expected, got = key, shown(before), shown(after)
            break
    return Divergence(
        0,
        recorded.kind,
        f"record {recorded.seq}, {what}",
        expected,
        got,
        "none",
        "this version of os2 records the command otherwise",
    )
