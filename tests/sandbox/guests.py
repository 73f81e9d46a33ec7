"""Limits, a job, a scripted caller, and files in and out of a sandbox."""

import os
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
        verb, size = request.split()
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


def put(sandbox: Sandbox, files: dict[str, bytes]) -> None:
    with sandbox.writing():
        for name, content in files.items():
            parent = Path(name).parent
            if str(parent) != ".":
                try:
                    os.mkdir(parent, dir_fd=sandbox.workspace_fd)
                except FileExistsError:
                    pass
            fd = os.open(name, os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=sandbox.workspace_fd)
            with open(fd, "wb") as file:
                file.write(content)


def left_in(sandbox: Sandbox) -> dict[str, bytes]:
    found = {}
    for name in os.listdir(sandbox.workspace_fd):
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=sandbox.workspace_fd)
        with open(fd, "rb") if not _is_folder(fd) else _closing(fd) as file:
            found[name] = file.read(1 << 16) if file is not None else b"<folder>"
    return found


def _is_folder(fd: int) -> bool:
    return (os.fstat(fd).st_mode & 0o170000) == 0o040000


class _closing:
    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)
