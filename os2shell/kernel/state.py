"""State: every fold's current value, moved on by records in ledger order."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, cast

from ledger import Json, Record
from os2shell.model.capability import TokenId
from os2shell.model.errors import Unreadable
from os2shell.model.fold import Fact, Fold

S = TypeVar("S")


class State:
    """Values of ``folds`` after the first ``position`` records."""

    def __init__(self, folds: Sequence[Fold[Any]]) -> None:
        """Begin at each fold's initial value."""
        self.position = 0
        self._values: dict[Fold[Any], object] = {fold: fold.initial for fold in folds}

    def apply(self, record: Record) -> None:
        """Move every fold past ``record``, which must be the next one."""
        assert record.seq == self.position, f"record {record.seq} after {self.position}"
        for fact in facts(record):
            for fold, value in self._values.items():
                self._values[fold] = fold.evolve(value, fact)
        self.position += 1

    def view(self, fold: Fold[S]) -> S:
        """The value of ``fold``."""
        return cast("S", self._values[fold])

    def copy(self) -> "State":
        """An independent state at the same position; values are immutable and shared."""
        other = State(tuple(self._values))
        other.position = self.position
        other._values = dict(self._values)
        return other

    def assume(self, position: int, fold: Fold[S], value: S) -> None:
        """Set ``fold`` to ``value`` as of ``position``: how an image or a dry run enters."""
        self.position = position
        self._values[fold] = value

    def dump(self) -> dict[str, Json]:
        """Every fold's value in canonical form, under the fold's name and version."""
        return {fold.name: [fold.version, fold.dump(value)] for fold, value in self._values.items()}

    def versions(self) -> dict[str, Json]:
        """Every fold's version, by name."""
        return {fold.name: fold.version for fold in self._values}

    def load(self, body: dict[str, Json], position: int) -> bool:
        """Take values over from a dump; False, and nothing changed, if any version differs."""
        loaded: dict[Fold[Any], object] = {}
        for fold in self._values:
            match body.get(fold.name):
                case [int(version), value] if version == fold.version:
                    loaded[fold] = fold.load(value)
                case None if fold.added:
                    loaded[fold] = fold.initial
                case _:
                    return False
        self._values = loaded
        self.position = position
        return True


def facts(record: Record) -> Iterator[Fact]:
    """The record itself, then the events that ride inside it."""
    token = TokenId(record.token)
    yield Fact(record.seq, record.session, token, record.kind, record.attributes)
    match record.attributes:
        case {"events": list(events)}:
            for event in events:
                match event:
                    case [str(kind), body]:
                        yield Fact(record.seq, record.session, token, kind, body)
                    case _:
                        raise Unreadable(f"record {record.seq} carries a malformed event")
        case _:
            return
