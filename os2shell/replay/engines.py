"""Another interpreter image than a run was recorded in: what differs, and what to do about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ledger import Digest
from os2shell.executors.sandbox.differ import ImageDifference

GUEST_RUNTIME = "os2/"
LISTED = 3
UNKNOWN = "the Python, its libraries or the guest runtime are not those of the recording"


class Equipment(Protocol):
    """What this machine performs runs with, by digest."""

    def __call__(self, tool: str = "") -> Digest:
        """The interpreter image, or ``tool``."""
        ...


Differ = Callable[[Digest], ImageDifference]


@dataclass(frozen=True, slots=True)
class EngineFinding:
    """Both sides and the cause, as a divergence tells them."""

    expected: str
    got: str
    cause: str


def engine_finding(
    recorded: bytes, interpreter: str, present: bytes, differ: Differ | None
) -> EngineFinding:
    """Tell the recorded image of ``interpreter`` from the present one."""
    expected = f"{interpreter}, image {recorded.hex()}"
    if differ is None:
        return EngineFinding(expected, f"image {present.hex()}", UNKNOWN)
    found = differ(Digest(recorded))
    got = f"{found.interpreter}, image {present.hex()}"
    return EngineFinding(expected, got, _cause(interpreter, found))


def _cause(interpreter: str, found: ImageDifference) -> str:
    if interpreter != found.interpreter:
        return (
            f"recorded under CPython {interpreter}, here is {found.interpreter}: "
            f"run os2 with CPython {interpreter}"
        )
    if not found.known:
        return f"{UNKNOWN}; the recorded image is no longer in the cache, so no file can be named"
    paths = [*found.missing, *found.added, *found.changed]
    if paths and all(path.startswith(GUEST_RUNTIME) for path in paths):
        return (
            f"the guest runtime of another os2 version ({found.total} of its files differ): "
            "replay with the os2 that recorded it"
        )
    parts = [
        _part("missing here: ", found.missing),
        _part("new here: ", found.added),
        _part("changed: ", found.changed),
    ]
    told = "; ".join(part for part in parts if part)
    return f"the Python's own libraries differ ({found.total} files); {told}"


def _part(label: str, paths: tuple[str, ...]) -> str:
    if not paths:
        return ""
    more = f" and {len(paths) - LISTED} more" if len(paths) > LISTED else ""
    return f"{label}{', '.join(paths[:LISTED])}{more}"
