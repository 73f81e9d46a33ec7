"""A disk that fails on demand: the calls of ``os`` and ``fcntl`` that touch one folder, counted.

Inside ``Faults(folder, number, kind)`` the ``number``-th call that touches ``folder`` goes wrong
in the way ``kind`` names; all others are the real ones, on real files. After a kill every further
call is refused, so that nothing that a dead process could not do is done on its behalf; closing
descriptors is allowed, as the kernel does it. Not seen from here: reads and writes that Python's
own file objects make in C (``tests/ledger/test_fault_strace.py`` meets those).
"""

import errno
import fcntl
import io
import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

WATCHED: Final = (
    "open",
    "pread",
    "write",
    "pwrite",
    "pwritev",
    "fsync",
    "fdatasync",
    "rename",
    "replace",
    "link",
    "unlink",
    "mkdir",
    "truncate",
    "ftruncate",
    "posix_fallocate",
    "chmod",
    "fchmod",
)
SECTOR: Final = 512
WRITES: Final = frozenset({"write", "pwrite", "pwritev"})
LOOKS: Final = frozenset({"pread", "flock"})
NEED_NO_SPACE: Final = frozenset({"unlink", "chmod", "fchmod"})


class Kind(StrEnum):
    """How a call goes wrong; killed before one is killed after the one before."""

    REFUSED = "fails with EIO"
    FULL = "fails with ENOSPC"
    PERSISTED = "fails with EIO although it was done"
    KILLED_WITHIN = "killed when half is written"
    KILLED_AFTER = "killed after"

    @property
    def kills(self) -> bool:
        return self in {Kind.KILLED_WITHIN, Kind.KILLED_AFTER}


def kinds_of(name: str, arguments: Any) -> frozenset[Kind]:
    """The kinds that leave at this call what no other kind leaves here or at the call before.

    A look can only be refused: done and told as failed is the same, and killed after it is killed
    after the one before. Half of it there is of writes alone. Every open, write, sync, rename and
    truncate fails, fails although it was done, and is the last of its process.
    """
    if name in LOOKS:
        return frozenset({Kind.REFUSED})
    found = set(Kind)
    if name not in WRITES or _is_indivisible(arguments):
        found.remove(Kind.KILLED_WITHIN)
    if name in NEED_NO_SPACE:
        found.remove(Kind.FULL)
    return frozenset(found)


class Killed(BaseException):
    """The process is dead; nothing may catch this but the test."""


class Faults:
    """Counts the calls on ``folder`` and spoils one; with ``number`` 0 it only counts.

    ``seen`` are the names of the calls so far; while it only counts, ``kinds`` are those of faults
    that make a difference at each.
    """

    def __init__(self, folder: Path, number: int = 0, kind: Kind = Kind.REFUSED) -> None:
        self._folder = str(folder)
        self._number = number
        self._kind = kind
        self._saved: list[tuple[Any, str, Any]] = []
        self._dead = False
        self.seen: list[str] = []
        self.kinds: list[frozenset[Kind]] = []
        self.fired = ""

    def __enter__(self) -> Self:
        for name in WATCHED:
            self._replace(os, name, self._watched(name, getattr(os, name)))
        self._replace(os, "fdopen", self._fdopen)
        self._replace(fcntl, "flock", self._watched("flock", fcntl.flock))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, _: TracebackType | None
    ) -> None:
        for module, name, original in self._saved:
            setattr(module, name, original)

    def _replace(self, module: Any, name: str, function: Any) -> None:
        self._saved.append((module, name, getattr(module, name)))
        setattr(module, name, function)

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            where = _within(arguments[0], options.get("dir_fd", options.get("src_dir_fd")))
            if not self._touches(where):
                return real(*arguments, **options)
            placed = (where, *arguments[1:])
            return self.perform(name, lambda: real(*arguments, **options), real, placed)

        return call

    def perform(
        self, name: str, act: Callable[[], Any], real: Callable[..., Any], arguments: Any
    ) -> Any:
        """Count one call, and spoil it when its turn has come."""
        if self._dead:
            if name == "flock":
                return act()  # the kernel lets go of a dead process's locks
            raise Killed
        self.seen.append(name)
        if not self._number:
            self.kinds.append(kinds_of(name, arguments))
        if len(self.seen) != self._number:
            return act()
        self.fired = f"call {self._number}, {name}{self._about(arguments)}, {self._kind}"
        if self._kind is Kind.REFUSED:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if self._kind is Kind.FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._do(name, act, real, arguments)
        if self._kind is Kind.PERSISTED:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._dead = True
        raise Killed

    def _do(
        self, name: str, act: Callable[[], Any], real: Callable[..., Any], arguments: Any
    ) -> None:
        if self._kind is Kind.KILLED_WITHIN and name in WRITES and not _is_indivisible(arguments):
            _half(name, real, arguments)
            return
        done = act()
        if name == "open":
            os.close(done)

    def _touches(self, where: Any) -> bool:
        if isinstance(where, int):
            try:
                return _path_of(where).startswith(self._folder)
            except OSError:
                return False
        return os.fspath(where).startswith(self._folder)

    def _about(self, arguments: Any) -> str:
        where = arguments[0]
        path = _path_of(where) if isinstance(where, int) else str(where)
        return f" {path.removeprefix(self._folder)}"

    def _fdopen(self, descriptor: int, mode: str = "r", buffering: int = -1, **options: Any) -> Any:
        if not self._touches(descriptor) or "w" not in mode:
            return open(descriptor, mode, buffering, **options)
        raw = _FaultyFile(self, descriptor)
        return raw if buffering == 0 else io.BufferedWriter(raw)


class _FaultyFile(io.FileIO):
    """A file object whose writes are counted too."""

    def __init__(self, faults: Faults, descriptor: int) -> None:
        super().__init__(descriptor, "wb")
        self._faults = faults

    def write(self, data: Any) -> int:
        # A buffered writer flushes again when it is closed; a process that was told of a failure
        # may do that, a dead one may not.
        whole = bytes(data)
        fileno = self.fileno()
        real = super().write

        def write(_: int, part: bytes) -> int:
            return real(part)

        done = self._faults.perform("write", lambda: real(whole), write, (fileno, whole))
        assert isinstance(done, int)
        return done


def _path_of(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


def _within(where: Any, folder: int | None) -> Any:
    """A name that is meant in an open folder, as a whole path."""
    return where if folder is None else f"{_path_of(folder)}/{os.fspath(where)}"


def _is_indivisible(arguments: Any) -> bool:
    """Whether a write changes bytes within one sector: no kill and no power loss divides that."""
    if len(arguments) < 3:
        return False
    descriptor, data, offset, *_ = arguments
    size = sum(map(len, data)) if isinstance(data, list) else len(data)
    return bool(offset % SECTOR + size <= SECTOR and offset + size <= os.fstat(descriptor).st_size)


def _half(name: str, real: Callable[..., Any], arguments: Any) -> None:
    if name == "pwritev":
        descriptor, buffers, offset, *flags = arguments
        whole = b"".join(bytes(part) for part in buffers)
        real(descriptor, [whole[: len(whole) // 2]], offset, *flags)
        return
    descriptor, data, *offset = arguments
    real(descriptor, bytes(data)[: len(data) // 2], *offset)
