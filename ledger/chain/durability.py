"""When an append is acknowledged; the mode is signed with every head."""

import re
from dataclasses import dataclass
from typing import Final

from ledger.errors import EntryError

_FORM: Final = re.compile(r"strict|os|group(?:\(([1-9][0-9]{0,3})\))?")


@dataclass(frozen=True, slots=True)
class Durability:
    """One of ``strict``, ``group``, ``group(ms)`` and ``os``.

    strict      every append has a write, a sync and a signature of its own
    group       appends of several threads share them: what queued up during one sync goes into
                the next
    group(ms)   the same, and the first of a group waits ``ms`` milliseconds for others
    os          acknowledged when the operating system has it: survives the process, not the
                machine. The log is synced when it is closed or a segment is full.
    """

    name: str

    def __post_init__(self) -> None:
        """Refuse other names."""
        if not _FORM.fullmatch(self.name):
            raise EntryError(f"expected strict, os, group or group(1..9999), found {self.name!r}")

    @property
    def synced(self) -> bool:
        """Whether an acknowledged record survives the machine."""
        return self.name != "os"

    @property
    def gathers(self) -> bool:
        """Whether appends of several threads may share a sync."""
        return self.name != "strict"

    @property
    def window_s(self) -> float:
        """How long the first of a group waits for others, in seconds."""
        found = _FORM.fullmatch(self.name)
        return int(found[1]) / 1000 if found and found[1] else 0.0


STRICT: Final = Durability("strict")
OS: Final = Durability("os")


def group(window_ms: int = 0) -> Durability:
    """Group commit; the first of a group waits so many milliseconds for others."""
    return Durability(f"group({window_ms})" if window_ms else "group")
