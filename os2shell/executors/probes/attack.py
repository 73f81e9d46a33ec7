"""Runs one attack program in a sandbox of its own, and judges it from outside.

What happened outside decides first, then how the run ended, and last the program's own honest
report: one line ``escaped …`` or ``held: …``. A program that says neither is not counted as held.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from os2shell.executors.network.desk import Desk
from os2shell.executors.probes.granted import Granting
from os2shell.executors.probes.program import Program
from os2shell.executors.probes.surroundings import Surroundings
from os2shell.executors.sandbox import (
    EntryKind,
    GuestExit,
    Job,
    Limits,
    ProtocolBroken,
    Sandbox,
    Tier,
)

SECOND_NS = 1_000_000_000
LIMITS = Limits(
    wall_ns=4 * SECOND_NS,
    cpu_ns=1 * SECOND_NS,
    memory_bytes=256 << 20,
    output_bytes=1 << 20,
    workspace_bytes=16 << 20,
    files=500,
    processes=16,
)
"""Small, so that what exhausts does so soon."""

IMPORTS = (
    "abc", "base64", "bisect", "calendar", "collections", "collections.abc", "contextlib",
    "copy", "csv", "dataclasses", "datetime", "decimal", "difflib", "enum", "fractions",
    "functools", "hashlib", "heapq", "itertools", "json", "math", "net", "numbers", "operator",
    "random", "re", "statistics", "string", "struct", "textwrap", "time", "typing", "uuid",
)  # fmt: skip
"""More than any manifest allows: the widest face of the restricted tier is what is attacked."""

_SEED = bytes(32)
_START_NS = 1_700_000_000 * SECOND_NS
_TOLD_CHARACTERS = 300
_CARRIED_BYTES = 1 << 20
_REFUSED = re.compile(r"pyvm: .*not allowed: ")


class Verdict(StrEnum):
    """What came of an attack."""

    HELD = "held"
    ESCAPED = "escaped"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Attacked:
    """One attack, and what came of it; ``held_by`` are the layers that stand in its way."""

    name: str
    kind: str
    attack: str
    tier: str
    verdict: str
    told: str
    held_by: tuple[str, ...]


class Sandboxes(Protocol):
    """Where sandboxes come from."""

    def start_ahead(self, limits: Limits, *, always: bool) -> None:
        """Start one that the next run will find waiting, and with ``always`` others after it."""
        ...

    def take_sandbox(self, limits: Limits, layers: tuple[str, ...]) -> Sandbox:
        """A started sandbox that has at least ``layers``."""
        ...


@dataclass
class Heard:
    """What the program wrote; it is given nothing to read, and of the network one origin."""

    granting: Granting

    streams: dict[str, bytearray] = field(
        default_factory=lambda: {"stdout": bytearray(), "stderr": bytearray()}
    )

    def output(self, stream: str, chunk: bytes) -> None:
        """Keep ``chunk``."""
        self.streams[stream] += chunk

    def data(self, piece: bytes) -> None:
        """Take a piece of a request's body."""
        self.granting.desk.data(piece)

    def answer(self, request: bytes) -> bytes:
        """Input is at its end; a broker serves; who asks for anything else is ended."""
        if Desk.serves(request):
            self.granting.desk.begin(request)
            return self.granting.desk.answer()
        if request.split(b" ")[0] != b"stdin.read":
            raise ProtocolBroken("the guest asked for what nobody answers")
        return b""

    def lines(self, stream: str) -> list[str]:
        """The lines written so far."""
        return self.streams[stream].decode(errors="replace").splitlines()


@dataclass(frozen=True, slots=True)
class Ending:
    """How the last run of a program ended, and what was seen from outside."""

    exit: GuestExit
    heard: Heard
    left_alive: int
    layers: tuple[str, ...]


def attack(
    program: Program,
    sandboxes: Sandboxes,
    around: Surroundings,
    required: tuple[str, ...] = (),
    *,
    connected: bool = True,
) -> Attacked:
    """Run ``program`` in a sandbox that has the ``required`` layers, and judge.

    ``connected`` grants it the network's one origin that it is told of.
    """
    port = around.granted.port if connected else None
    ending, tree = _run(program, sandboxes, around, required, {}, port)
    for _ in range(program.runs - 1):
        ending, tree = _run(program, sandboxes, around, required, tree, port)
    verdict, told = _judge(program, ending, around)
    held_by = tuple(layer for layer in program.layers if layer in ending.layers)
    if _REFUSED.match(told):
        held_by = ("policy",)
    return Attacked(
        program.name,
        program.kind,
        program.attack,
        program.tier,
        verdict,
        told[:_TOLD_CHARACTERS],
        held_by,
    )


def _run(
    program: Program,
    sandboxes: Sandboxes,
    around: Surroundings,
    required: tuple[str, ...],
    tree: dict[str, bytes],
    port: int | None,
) -> tuple[Ending, dict[str, bytes]]:
    """One run on the files in ``tree``; how it ended, and the files it left."""
    heard = Heard(Granting(port, LIMITS))
    with sandboxes.take_sandbox(LIMITS, required) as sandbox:
        space = _pid_namespace(sandbox.guest_pid)
        with sandbox.writing():
            _fill(sandbox.workspace_fd, tree)
        ended = sandbox.run(_job(program, around), heard)
        left = dict(_files(sandbox.workspace_fd)) if program.runs > 1 else {}
    alive = sum(_pid_namespace(pid) == space for pid in _all_processes() if space and _runs(pid))
    return Ending(ended, heard, alive, ended.layers), left


def _judge(program: Program, ending: Ending, around: Surroundings) -> tuple[Verdict, str]:
    """The verdict, and the words that it rests on."""
    out, errors = ending.heard.lines("stdout"), ending.heard.lines("stderr")
    escaped = _outside(ending, around, [*out, *errors])
    escaped += [line for line in out if line.startswith("escaped")]
    if escaped:
        return Verdict.ESCAPED, "; ".join(escaped)
    if ending.exit.cause in program.ends:
        return Verdict.HELD, f"ended by {ending.exit.cause}"
    said = [line for line in out if line.startswith("held:")]
    if said and ending.exit.code == 0:
        return Verdict.HELD, said[-1].removeprefix("held:").strip()
    refused = program.tier == Tier.RESTRICTED and ending.exit.code == 1 and not out
    if refused and errors and _REFUSED.match(errors[0]):
        return Verdict.HELD, errors[0]
    last = errors[-1] if errors else "and said nothing"
    return Verdict.UNEXPLAINED, f"ended with {ending.exit.code} ({ending.exit.cause}): {last}"


def _outside(ending: Ending, around: Surroundings, lines: list[str]) -> list[str]:
    """What an attack did outside, whatever its program says."""
    found = around.touched()
    if any(around.secret in line for line in lines):
        found.append("a secret of the outside was read")
    if ending.left_alive:
        found.append(f"{ending.left_alive} of its processes outlived the run")
    return found


def _job(program: Program, around: Surroundings) -> Job:
    restricted = program.tier == Tier.RESTRICTED
    return Job(
        tier=program.tier,
        entry=EntryKind.CODE,
        target=program.source,
        arguments=() if restricted else around.words(),
        seed=_SEED,
        clock_start_ns=_START_NS,
        limits=LIMITS,
        imports=IMPORTS if restricted else (),
    )


def _pid_namespace(pid: int) -> str:
    """Its name; empty for a process that is gone, or another user's."""
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""


def _runs(pid: int) -> bool:
    """Whether it can still do something: the dead that nobody has collected cannot."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def _all_processes() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def _files(top: int) -> Iterator[tuple[str, bytes]]:
    """The regular files below ``top``, by relative path; no link is followed."""
    for folder, _, names, here in os.fwalk(".", dir_fd=top, follow_symlinks=False):
        for name in names:
            facts = os.stat(name, dir_fd=here, follow_symlinks=False)
            if not stat.S_ISREG(facts.st_mode) or facts.st_size > _CARRIED_BYTES:
                continue
            with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=here), "rb") as file:
                yield os.path.normpath(f"{folder}/{name}"), file.read()


def _fill(top: int, tree: dict[str, bytes]) -> None:
    """Write ``tree`` into the empty workspace, of which no guest has run yet."""
    for name, content in tree.items():
        folders = Path(name).parent.parts
        for depth in range(1, len(folders) + 1):
            here = "/".join(folders[:depth])
            if not os.access(here, os.F_OK, dir_fd=top):
                os.mkdir(here, dir_fd=top)
        fd = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644, dir_fd=top)
        with os.fdopen(fd, "wb") as file:
            file.write(content)
