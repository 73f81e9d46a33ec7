"""Facts, events and folds: how state follows from the ledger."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

from ledger import Json
from os2shell.model.capability import TokenId

S = TypeVar("S")


class Event(Protocol):
    """A domain fact that a command leaves behind, as data."""

    kind: ClassVar[str]

    def body(self) -> Json:
        """The canonical content of the fact."""
        ...


@dataclass(frozen=True, slots=True)
class Fact:
    """What folds receive: a record, or an event that rode inside one."""

    seq: int
    session: str
    token: TokenId
    kind: str
    body: Json


@dataclass(frozen=True, eq=False)
class Fold(Generic[S]):
    """State as a pure function of facts; also the key under which the state is found.

    ``dump`` and ``load`` carry a state into an image and back; ``version`` changes whenever
    ``evolve`` or the dumped form does, so that an image of an older rule is not believed. One that
    a later version ``added`` is at its beginning in an image of a shell that did not know it.
    """

    name: str
    version: int
    initial: S
    evolve: Callable[[S, Fact], S]
    dump: Callable[[S], Json]
    load: Callable[[Json], S]
    added: bool = False
