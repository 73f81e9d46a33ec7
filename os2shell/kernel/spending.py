"""``budget.read``: what tokens have spent in this ledger, for who looks without recording a deed.

The fold is the engine's own; a look stands beside the engine, so it folds for itself, from the
newest state image on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ledger import Json
from os2shell.kernel.engine import KERNEL_FOLDS, Chronicle
from os2shell.kernel.images import open_state
from os2shell.model.capability import Capability
from os2shell.model.effect import Inquiry, Transcript
from os2shell.model.errors import NothingToVerify
from os2shell.policy.budget import SPENT


@dataclass(frozen=True, slots=True)
class ReadSpent(Inquiry):
    """Ask what tokens have spent; the answer is the fold ``SPENT``, dumped."""

    kind: ClassVar[str] = "budget.read"
    needs: ClassVar[Capability] = Capability.LEDGER_READ


class SpentReader:
    """Folds one ledger, where there is one."""

    def __init__(self, open_ledger: Callable[[], Chronicle], cache: Path) -> None:
        """``cache`` holds the bookmark of the newest state image."""
        self._open_ledger = open_ledger
        self._cache = cache

    def perform(self, _effect: ReadSpent, _transcript: Transcript) -> Json:
        """Fold; without a ledger nobody has spent anything."""
        try:
            ledger = self._open_ledger()
        except NothingToVerify:
            return {}
        state, _ = open_state(ledger, KERNEL_FOLDS, self._cache)
        return SPENT.dump(state.view(SPENT))
