"""``environments.read``: which environments there are, for who looks without recording a deed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ledger import Json
from os2shell.kernel.engine import Chronicle
from os2shell.kernel.images import open_state
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Transcript
from os2shell.model.errors import NothingToVerify, UsageError
from os2shell.model.plain import to_json
from os2shell.subsystems.folds import FOLDS
from os2shell.subsystems.python_vm.environments import ENVIRONMENTS, Environments


@dataclass(frozen=True, slots=True)
class ReadEnvironments:
    """Ask for the fold ``ENVIRONMENTS``, and for the lock of one environment where it is named.

    The answer is ``{"environments", "lock"}``: the fold, dumped, and the lock's bytes or None.
    """

    kind: ClassVar[str] = "environments.read"
    needs: ClassVar[Capability] = Capability.LEDGER_READ
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    lock: str | None = None

    def body(self) -> Json:
        """The name."""
        return to_json(self)

    def scope(self) -> str:
        """All of them."""
        return ""


class EnvironmentsReader:
    """Folds one ledger, where there is one."""

    def __init__(self, open_ledger: Callable[[], Chronicle], cache: Path) -> None:
        """``cache`` holds the bookmark of the newest state image."""
        self._open_ledger = open_ledger
        self._cache = cache

    def perform(self, effect: ReadEnvironments, _transcript: Transcript) -> Json:
        """Fold; without a ledger there are none."""
        try:
            ledger = self._open_ledger()
        except NothingToVerify:
            return _answer(Environments(), None, effect)
        state, _ = open_state(ledger, FOLDS, self._cache)
        return _answer(state.view(ENVIRONMENTS), ledger, effect)


def _answer(found: Environments, ledger: Chronicle | None, effect: ReadEnvironments) -> Json:
    lock: bytes | None = None
    if effect.lock is not None:
        known = found.named.get(effect.lock)
        if known is None or known.lock is None or ledger is None:
            raise UsageError(
                f"no lock of an environment {effect.lock!r}",
                expected="an environment with packages: " + (", ".join(found.named) or "none yet"),
            )
        lock = ledger.objects.get(known.lock)
    return {"environments": ENVIRONMENTS.dump(found), "lock": lock}
