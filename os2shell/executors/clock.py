"""``clock.read``: the wall clock. The only place in the house that looks at it."""

import time
from dataclasses import dataclass
from typing import ClassVar

from ledger import Json
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Transcript


@dataclass(frozen=True, slots=True)
class ReadClock:
    """Ask what time it is; the answer is nanoseconds since the epoch."""

    kind: ClassVar[str] = "clock.read"
    needs: ClassVar[Capability] = Capability.CLOCK_READ
    determinism: ClassVar[Determinism] = Determinism.RECORDED

    def body(self) -> Json:
        """Nothing to say."""
        return None

    def scope(self) -> str:
        """There is one clock."""
        return ""


def now_ns() -> int:
    """Nanoseconds since the epoch; what the ledger's own clock is built on."""
    return time.time_ns()


def perform(_effect: ReadClock, _transcript: Transcript) -> Json:
    """Read it."""
    return now_ns()
