"""The spool: what a running invocation has shown and asked so far, in a file.

Life of a spool file: created right after admission, appended to while the command runs, unlinked
after its end was recorded. A shell that is killed leaves it behind; the next boot turns it into the
body of ``command.interrupted``. Writes are not synced: they survive the death of the process, which
is what they are for; after a power failure the record merely says less.

A session's lock file is held (``flock``) while its shell lives, so that recovery can tell a crash
from another shell at work. The kernel drops the lock with the process, however that ends.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from os2shell.model.effect import Stream

STDOUT, STDERR, STEP, ASKED, NESTED = 1, 2, 3, 4, 5
STREAMS = {Stream.STDOUT: STDOUT, Stream.STDERR: STDERR}
HEADER_BYTES = 5
MODE = 0o600


class SessionLock:
    """Proof that the shell of one session is alive."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Use ``take``."""
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Path, session: str) -> "SessionLock | None":
        """Hold ``session``; None if another process already does."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{session}.lock"
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            if _names(path, descriptor):
                return cls(path, descriptor)
            # Its last holder removed it between our open and our lock: this file has no name, so
            # nobody else would see that we hold it.
            os.close(descriptor)

    def release(self) -> None:
        """Give the session up; the file goes first, so nobody finds an unheld one."""
        with suppress(FileNotFoundError):
            self._path.unlink()
        os.close(self._descriptor)


def _names(path: Path, descriptor: int) -> bool:
    """Whether ``path`` still is the file that ``descriptor`` holds."""
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    held = os.fstat(descriptor)
    return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold ``folder`` itself, alone, for as long as the block runs."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class Spool:
    """The file of one running invocation."""

    def __init__(self, folder: Path, session: str, seq: int) -> None:
        """Create the file."""
        self.path = spool_path(folder, session, seq)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, MODE)

    def output(self, stream: Stream, chunk: bytes) -> None:
        """Append what the guest wrote; before it is shown."""
        self._write(STREAMS[stream], chunk)

    def step(self, encoded: bytes) -> None:
        """Append one question and its answer, canonically encoded."""
        self._write(STEP, encoded)

    def asked(self, encoded: bytes) -> None:
        """Append a question that others will see, before it is asked."""
        self._write(ASKED, encoded)

    def nested(self, encoded: bytes) -> None:
        """Append the guest's question and its answer, while the guest's own step goes on."""
        self._write(NESTED, encoded)

    def close(self) -> None:
        """Forget the file: its content is in the ledger now."""
        os.close(self._descriptor)
        with suppress(FileNotFoundError):
            self.path.unlink()

    def _write(self, part: int, data: bytes) -> None:
        frame = bytes([part]) + len(data).to_bytes(4, "big") + data
        while frame:
            frame = frame[os.write(self._descriptor, frame) :]


@dataclass(frozen=True, slots=True)
class Remains:
    """What a dead invocation left: both streams and the encoded steps, as far as written.

    ``nested`` are steps inside the one that was under way, ``unanswered`` the question that was
    asked last and has no answer, as ``[kind, question]``; all encoded.
    """

    stdout: bytes
    stderr: bytes
    steps: tuple[bytes, ...]
    nested: tuple[bytes, ...] = ()
    unanswered: bytes | None = None


def read_remains(path: Path) -> Remains:
    """Read a spool file; a last frame that was cut short counts as far as it goes."""
    parts: dict[int, list[bytes]] = {STDOUT: [], STDERR: [], STEP: [], ASKED: [], NESTED: []}
    unanswered = None
    with suppress(FileNotFoundError):
        for part, data, whole in _frames(path.read_bytes()):
            if part in parts and (whole or part in {STDOUT, STDERR}):
                parts[part].append(data)
                unanswered = data if part == ASKED else None if part == NESTED else unanswered
    return Remains(
        b"".join(parts[STDOUT]),
        b"".join(parts[STDERR]),
        tuple(parts[STEP]),
        tuple(parts[NESTED]),
        unanswered,
    )


def spool_path(folder: Path, session: str, seq: int) -> Path:
    """Where the invocation admitted as ``seq`` spools."""
    return folder / f"{session}-{seq}.spool"


def _frames(data: bytes) -> Iterator[tuple[int, bytes, bool]]:
    start = 0
    while len(data) - start > HEADER_BYTES:
        part, size = data[start], int.from_bytes(data[start + 1 : start + HEADER_BYTES], "big")
        start += HEADER_BYTES
        chunk = data[start : start + size]
        yield part, chunk, len(chunk) == size
        start += size
