"""Commands: a verb with typed arguments, declared powers and declared events."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from ledger import Json
from os2shell.model.capability import Capability, TokenId
from os2shell.model.effect import Effect
from os2shell.model.fold import Event, Fold

A = TypeVar("A")
S = TypeVar("S")


class Recording(StrEnum):
    """Whether an invocation of the command is a deed or a look."""

    DEED = "deed"  # intent and outcome are appended; refused while the ledger is damaged
    AUDIT = "audit"  # appended where the ledger is whole; else runs unrecorded, and says so
    LOOK = "look"  # appends nothing: reading the record does not change it


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command leaves behind: data for stdout, notes for stderr, facts for the ledger."""

    text: str = ""
    notes: tuple[str, ...] = ()
    code: int = 0
    cause: str = "exit"
    events: tuple[Event, ...] = ()
    follow: tuple[tuple[str, ...], ...] = ()
    keep_going: bool = False


class Context(Protocol):
    """All that a command may touch."""

    @property
    def token(self) -> TokenId:
        """The token that acts."""
        ...

    def perform(self, effect: Effect) -> Json:
        """Carry out ``effect``, or answer it from the trace; raises ``Denied``."""
        ...

    def allows(self, capability: Capability) -> bool:
        """Whether the acting token holds ``capability``; for powers used only where held."""
        ...

    def view(self, fold: Fold[S]) -> S:
        """The current state of ``fold``."""
        ...


@dataclass(frozen=True)
class Command(Generic[A]):
    """One verb of the shell. ``arguments`` is the frozen dataclass that ``parse`` returns.

    ``needs`` is checked at admission; ``may`` names powers it uses only where they are held.
    """

    name: str
    summary: str
    usage: str
    arguments: type[A]
    needs: frozenset[Capability]
    parse: Callable[[Sequence[str]], A]
    run: Callable[[A, Context], Outcome]
    may: frozenset[Capability] = frozenset()
    emits: tuple[type[Event], ...] = ()
    recording: Recording = Recording.DEED


AnyCommand = Command[Any]


class Catalogue(Protocol):
    """The commands there are."""

    def find(self, name: str) -> AnyCommand:
        """The command called ``name``; raises ``UnknownCommand``."""
        ...

    def spelled(self, words: Sequence[str]) -> Sequence[str]:
        """``words`` with a command's own name first, where it is also spelled as several words."""
        ...

    def names(self) -> tuple[str, ...]:
        """All names."""
        ...

    def __iter__(self) -> Iterator[AnyCommand]:
        """All commands."""
        ...
