"""Sandboxes started before they are asked for, a few for each tier, idle until then.

Rules: a sandbox serves one run and is never used again, so one that waited is as fresh as one just
started; no guest code runs in it before a command was admitted. One for the restricted tier has
been told to prepare itself; where none waits, one that was told nothing serves as well, and
prepares itself then. What a run sees is the same bytes in all three cases. A process that was
forked from ours begins with none: those that wait are its parent's. Judging the layers that a
sandbox achieved is left to who takes it.
"""

import os
from collections import deque

from os2shell.executors.sandbox import Image, Limits, Sandbox, Starting, Tier


class Standby:
    """Those that wait. All of a tier have the same image, with the same mounts, and limits."""

    def __init__(self) -> None:
        """Begin with none."""
        self._waiting: dict[Tier, deque[Starting]] = {tier: deque() for tier in Tier}
        self._made_for: dict[Tier, tuple[Image, Limits]] = {}
        self._owner = os.getpid()

    def start(self, image: Image, limits: Limits, tier: Tier, count: int = 1) -> None:
        """Begin to start what ``count`` for ``tier`` lack; raises ``SandboxUnavailable``."""
        self._suit(image, limits, tier)
        while len(self._waiting[tier]) < count:
            self._waiting[tier].append(Starting(image, limits, tier))

    def take(self, image: Image, limits: Limits, tier: Tier) -> Sandbox:
        """One that is ready to run a job of ``tier``; waits while it starts.

        One that died while it waited (a machine short of memory kills the idle first) is replaced;
        what is wrong with a new one is raised.
        """
        self._suit(image, limits, tier)
        waiting = self._waiting[tier]
        as_native = self._made_for.get(Tier.NATIVE) == (image, limits)
        if not waiting and tier is Tier.RESTRICTED and as_native:
            waiting = self._waiting[Tier.NATIVE]
        while waiting:
            found = waiting.popleft()
            if found.alive:
                return found.ready()
            found.close()
        return Starting(image, limits, tier).ready()

    def close(self) -> None:
        """Let all that wait go; a second time does nothing."""
        own = self._owner == os.getpid()
        for waiting in self._waiting.values():
            _empty(waiting, own=own)

    def _suit(self, image: Image, limits: Limits, tier: Tier) -> None:
        """Let those go that were started for another image, other limits or another process."""
        if self._owner != os.getpid():
            self.close()
            self._made_for.clear()
            self._owner = os.getpid()
        if self._made_for.get(tier) != (image, limits):
            _empty(self._waiting[tier], own=True)
            self._made_for[tier] = (image, limits)


def _empty(waiting: deque[Starting], *, own: bool) -> None:
    while waiting:
        found = waiting.popleft()
        if own:
            found.close()
