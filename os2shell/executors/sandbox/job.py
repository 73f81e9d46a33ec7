"""What the caller asks of a sandbox, what it answers while the guest runs, and how a run ended.

Pure data. ``GuestIo`` is the caller's side of a run: it takes the output as it comes, and answers
the guest's requests. Recording both is left to the caller.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from os2shell.executors.sandbox.imports import NO_IMPORTS, Imports
from os2shell.model.guest import EntryKind, Limits, Tier

Stream = Literal["stdout", "stderr"]

SEED_BYTES = 32
LIMIT_CODE = 124
INTERRUPTED_CODE = 130


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a guest program; the same job on the same image and tree gives the same bytes.

    ``seed`` has 32 bytes and feeds all entropy; ``clock_start_ns`` is the first instant (Unix).
    ``imports`` are the words of ``imports.py``. ``token_budget`` is what requests and
    output may cost; None: anything. ``watch`` names a place that the guest's runtime shall tell
    (see ``guest/watch.py``); empty: none. ``target`` is a path below ``/w`` for a script, otherwise
    source text or a module's name.
    """

    tier: Tier
    entry: EntryKind
    target: str
    arguments: tuple[str, ...]
    seed: bytes
    clock_start_ns: int
    limits: Limits
    imports: tuple[str, ...] = ()
    token_budget: int | None = None
    watch: str = ""

    def __post_init__(self) -> None:
        """Refuse a seed of another size: entropy would silently be another stream."""
        if len(self.seed) != SEED_BYTES:
            message = f"a seed has {SEED_BYTES} bytes, found {len(self.seed)}"
            raise ValueError(message)


class GuestIo(Protocol):
    """The caller's side of a run. An exception from either method kills the guest and passes on."""

    def output(self, stream: Stream, chunk: bytes) -> None:
        """Take what the guest wrote, as soon as it was read."""

    def answer(self, request: bytes) -> bytes:
        """Answer one request: ``stdin.read N`` wants at most N bytes, ``b""`` at the end.

        NUL and the stack that it came from follow the request; they are the guest's own word.
        """


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run took; measured outside, and no part of what replay compares.

    ``tokens`` are one per request and one per started four bytes of output.
    """

    wall_ns: int
    cpu_ns: int
    memory_peak_bytes: int
    processes_peak: int
    output_bytes: int
    workspace_bytes: int
    files: int
    requests: int
    tokens: int


@dataclass(frozen=True, slots=True)
class GuestExit:
    """How a run ended.

    ``code`` is the program's own; 124 at a limit, 130 when interrupted, 128+n for signal n.
    ``cause`` is ``exit``, ``signal:NAME``, ``limit.NAME`` (wall, cpu, memory, output,
    workspace_bytes, files, processes, requests), ``token_budget``, ``token_budget.unmetered``
    (output that the guest's runtime did not see went beyond it), ``interrupted``, ``protocol``
    or ``killed`` (the sandbox itself was, by somebody on this machine).
    """

    code: int
    cause: str
    usage: Usage
    layers: tuple[str, ...]
    imports: Imports = NO_IMPORTS
