"""Limits, a job, a scripted caller, and files in and out of a sandbox."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from os2shell.executors.sandbox import EntryKind, GuestExit, Job, Limits, Sandbox, Tier

SECOND_NS = 1_000_000_000
LIMITS = Limits(
    wall_ns=20 * SECOND_NS,
    cpu_ns=20 * SECOND_NS,
    memory_bytes=1 << 29,
    output_bytes=1 << 22,
    workspace_bytes=1 << 25,
    files=2000,
    processes=32,
)
JOB = Job(
    tier=Tier.NATIVE,
    entry=EntryKind.CODE,
    target="",
    arguments=(),
    seed=bytes(range(32)),
    clock_start_ns=1_700_000_000 * SECOND_NS,
    limits=LIMITS,
)


@dataclass
class Scripted:
    """A caller whose standard input is a text, handed out in pieces as asked."""

    stdin: bytes = b""
    chunks: list[tuple[str, bytes]] = field(default_factory=list)

    def output(self, stream: str, chunk: bytes) -> None:
        self.chunks.append((stream, chunk))

    def answer(self, request: bytes) -> bytes:
        verb, size = request.partition(b"\0")[0].split()
        assert verb == b"stdin.read"
        piece, self.stdin = self.stdin[: int(size)], self.stdin[int(size) :]
        return piece

    def text(self, stream: str) -> str:
        return b"".join(chunk for name, chunk in self.chunks if name == stream).decode()


@dataclass
class Ran:
    """What came of one run."""

    exit: GuestExit
    out: str
    err: str
    left: dict[str, bytes]


Run = Callable[..., Ran]


def put(sandbox: Sandbox, files: dict[str, bytes]) -> None:
    """Write ``files`` (at most one folder deep) into the workspace."""
    with sandbox.writing():
        for name, content in files.items():
            if "/" in name:
                with suppress(FileExistsError):
                    os.mkdir(str(Path(name).parent), dir_fd=sandbox.workspace_fd)
            fd = os.open(name, os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=sandbox.workspace_fd)
            with os.fdopen(fd, "wb") as file:
                file.write(content)


def left_in(sandbox: Sandbox) -> dict[str, bytes]:
    """The start of every file at the top of the workspace, even after the guest ended."""
    found = {}
    with os.scandir(sandbox.workspace_fd) as entries:
        names = sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))
    for name in names:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=sandbox.workspace_fd)
        with os.fdopen(fd, "rb") as file:
            found[name] = file.read(1 << 16)
    return found


def alive(pid: int) -> bool:
    """Whether ``pid`` still runs; a dead process that nobody has collected yet does not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def children_of(parent: int) -> list[int]:
    """The processes that ``parent`` started, oldest first."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(path.parent.name))
    return sorted(found)
