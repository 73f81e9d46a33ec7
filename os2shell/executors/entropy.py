"""``entropy.draw``: bytes from the kernel. What is drawn here is recorded, hence public."""

import os
from dataclasses import dataclass
from typing import ClassVar

from ledger import Json
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Transcript
from os2shell.model.plain import to_json


@dataclass(frozen=True, slots=True)
class DrawEntropy:
    """Ask for ``size`` bytes to seed a run with; never for a secret."""

    kind: ClassVar[str] = "entropy.draw"
    needs: ClassVar[Capability] = Capability.ENTROPY_DRAW
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    size: int

    def body(self) -> Json:
        """How many bytes."""
        return to_json(self)

    def scope(self) -> str:
        """There is one source."""
        return ""


def perform(effect: DrawEntropy, _transcript: Transcript) -> Json:
    """Draw them."""
    return os.urandom(effect.size)
