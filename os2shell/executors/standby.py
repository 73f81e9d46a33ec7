"""Sandboxes started before they are asked for: at most one for each tier, idle until then.

Rules: a sandbox serves one run and is never used again, so one that waited is as fresh as one just
started; no guest code runs in it before a command was admitted. One for the restricted tier has
been told to prepare itself; where none waits, one that was told nothing serves as well, and
prepares itself then. What a run sees is the same bytes in all three cases. A process that was
forked from ours begins with none: those that wait are its parent's. Judging the layers that a
sandbox achieved is left to who takes it.
"""

import os

from os2shell.executors.sandbox import Image, Limits, Sandbox, Starting, Tier


class Standby:
    """Those that wait. All of them have the same image and limits."""

    def __init__(self) -> None:
        """Begin with none."""
        self._waiting: dict[Tier, Starting] = {}
        self._made_for: tuple[Image, Limits] | None = None
        self._owner = os.getpid()

    def start(self, image: Image, limits: Limits, tier: Tier) -> None:
        """Begin to start one for ``tier`` unless one is there; raises ``SandboxUnavailable``."""
        self._suit(image, limits)
        if tier not in self._waiting:
            self._waiting[tier] = Starting(image, limits, tier)

    def take(self, image: Image, limits: Limits, tier: Tier) -> Sandbox:
        """One that is ready to run a job of ``tier``; waits while it starts.

        One that died while it waited (a machine short of memory kills the idle first) is replaced;
        what is wrong with a new one is raised.
        """
        self._suit(image, limits)
        found = self._waiting.pop(tier, None)
        if found is None and tier is Tier.RESTRICTED:
            found = self._waiting.pop(Tier.NATIVE, None)
        if found is not None:
            if found.alive:
                return found.ready()
            found.close()
        return Starting(image, limits, tier).ready()

    def close(self) -> None:
        """Let all that wait go; a second time does nothing."""
        waiting, self._waiting = self._waiting, {}
        if self._owner == os.getpid():
            for each in waiting.values():
                each.close()

    def _suit(self, image: Image, limits: Limits) -> None:
        """Let those go that were started for another image, other limits or another process."""
        if self._made_for != (image, limits) or self._owner != os.getpid():
            self.close()
            self._made_for = (image, limits)
            self._owner = os.getpid()
