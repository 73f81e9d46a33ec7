"""``terminal.read``: what a guest reads from our standard input, one answer per request.

Every delivery is recorded with its size, so a replayed guest meets the same short reads.
"""

import os
from dataclasses import dataclass, field
from typing import ClassVar

from ledger import Json
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Transcript

STDIN = 0
STDERR = 2
READ_LIMIT_BYTES = 32 * 1024
"""The most that one answer carries: answers are steps of a trace, not files."""


@dataclass(frozen=True, slots=True)
class ReadStdin:
    """Ask for at most ``size`` bytes; the answer is empty at the end of input.

    ``asked_at`` is the guest's stack as it told it (``model.stack``).
    """

    kind: ClassVar[str] = "terminal.read"
    needs: ClassVar[Capability] = Capability.TERMINAL_READ
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    size: int
    asked_at: bytes = field(default=b"", compare=False)

    def body(self) -> Json:
        """How many bytes at most; where the guest asked is no part of the question."""
        return {"size": self.size}

    def scope(self) -> str:
        """There is one standard input."""
        return ""


def perform(effect: ReadStdin, _transcript: Transcript) -> Json:
    """Wait for input and hand on what came."""
    try:
        return os.read(STDIN, min(effect.size, READ_LIMIT_BYTES))
    except OSError:
        return b""  # a shell started with no standard input has reached its end
