"""Effects: requests to the world, as data, and who may listen while one is performed."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

from ledger import Json
from os2shell.model.capability import Capability


class Determinism(StrEnum):
    """What replay does with an effect."""

    PURE = "pure"  # performed again, the answers compared
    RECORDED = "recorded"  # answered from the trace, the questions compared


class Stream(StrEnum):
    """The two streams a program writes."""

    STDOUT = "stdout"
    STDERR = "stderr"


class Effect(Protocol):
    """A request that touches the world. Equal bodies are equal questions."""

    kind: ClassVar[str]
    needs: ClassVar[Capability]
    determinism: ClassVar[Determinism]

    def body(self) -> Json:
        """The canonical content of the request."""
        ...

    def scope(self) -> str:
        """The very path or program it touches, as grants name them; ``""`` has no scope."""
        ...


@dataclass(frozen=True, slots=True)
class Inquiry:
    """The frame of an effect with nothing to choose: its ``kind`` and ``needs`` say all of it.

    It is about all of what there is one of: no scope; and it is answered from the trace.
    """

    kind: ClassVar[str]
    needs: ClassVar[Capability]
    determinism: ClassVar[Determinism] = Determinism.RECORDED

    def body(self) -> Json:
        """Nothing to choose."""
        return None

    def scope(self) -> str:
        """The whole."""
        return ""


class Transcript(Protocol):
    """What an executor may do while it performs an effect for somebody."""

    def output(self, stream: Stream, chunk: bytes, *, raw: bool) -> None:
        """Spool ``chunk`` and show it; ``raw`` lets a terminal execute it."""
        ...

    def begin(self, effect: Effect) -> None:
        """Check the power for a nested question that will be performed soon, and note it.

        For what goes on while somebody else still listens. Raises ``Denied``.
        """
        ...

    def perform(self, effect: Effect) -> Json:
        """Ask a nested question on behalf of the guest; it enters the same trace."""
        ...


class World(Protocol):
    """Performs effects: for real, or from a trace. The only difference between live and replay."""

    def perform(self, effect: Effect, transcript: Transcript) -> Json:
        """Carry out ``effect``, or answer it from what was recorded."""
        ...
