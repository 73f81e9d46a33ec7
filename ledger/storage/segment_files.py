"""The files in ``segments/``: which there are, and one descriptor for each that is in use.

Other processes begin segments, and prune them. What is looked at is always the file that lies under
the segment's name *now*. A descriptor stays good when its file was removed, but whatever is
written there is lost: so the end of the log is asked of the name, and a descriptor of
another file is let go.
"""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from ledger.disk import sync_directory
from ledger.errors import ClosedError, FormatError, UnreadableError
from ledger.storage.store import Position

PRUNED: Final = "pruned"
"""The file without which segments must begin with number 0."""
READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # no wait for a pipe
WRITE: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_KEEP_OPEN: Final = 16


def segment_name(segment: int) -> str:
    """The file name of ``segment``."""
    return f"{segment:012d}.seg"


def open_regular(path: Path, flags: int) -> int:
    """A descriptor of ``path``; ``OSError`` where that is no plain file."""
    descriptor = os.open(path, flags, 0o644)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "something that is no file")


class SegmentFiles:
    """The segments of the log in ``directory``."""

    def __init__(self, directory: Path, *, read_only: bool) -> None:
        """Nothing is looked at before ``find``."""
        self.folder = directory / "segments"
        self._pruned = directory / PRUNED
        self._flags = READ if read_only else WRITE
        self._open: dict[int, tuple[int, int]] = {}  # descriptor and inode
        self._first, self._last = 0, -1
        self._closed = False

    @property
    def last(self) -> int:
        """The last segment that was seen; -1 where there was none."""
        return self._last

    def find(self) -> None:
        """List the folder; ``FormatError`` where a segment is missing or something else lies."""
        try:
            names = sorted(name for name in os.listdir(self.folder))  # noqa: PTH208 - names
        except OSError as problem:
            raise UnreadableError(
                f"expected to list {self.folder}, found: {problem.strerror}; check its mode"
            ) from problem
        first = 0
        if names and self._pruned.exists():  # what it says is judged elsewhere
            text = names[0].partition(".")[0]
            first = int(text) if text.isascii() and text.isdigit() else 0
        for number, name in enumerate(names, first):
            if name != segment_name(number):
                raise FormatError(
                    f"expected segments/{segment_name(number)}, found segments/{name}; a segment "
                    "is missing, renamed, or a foreign file lies there"
                )
        self._first, self._last = first, first + len(names) - 1

    def first(self) -> int:
        """The first segment that is here: one stat, and more when another process pruned."""
        while self._first < self._last and not self._exists(self._first):
            self._first += 1
        return self._first

    def end(self) -> Position:
        """The end of the log: one stat, and one for a segment begun by another process."""
        self._require_open()
        while self._exists(self._last + 1):
            self._last += 1
        if self._last < 0:
            return Position(-1, 0)
        try:
            found = os.stat(self._name(self._last))  # noqa: PTH116 - as in _exists
        except OSError:  # pruned, this one and others behind it; or gone
            self.find()
            return Position(self._last, self.length(self._last)) if self._last >= 0 else self.end()
        if self._open.get(self._last, (0, found.st_ino))[1] != found.st_ino:
            self._let_go(self._last)
        return Position(self._last, found.st_size)

    def length(self, segment: int) -> int:
        """The bytes in ``segment``."""
        return os.fstat(self.descriptor(segment)).st_size

    def descriptor(self, segment: int) -> int:
        """A descriptor of ``segment``, which stays here."""
        self._require_open()
        if segment in self._open:
            return self._open[segment][0]
        path = self.folder / segment_name(segment)
        try:
            descriptor = open_regular(path, self._flags)
        except OSError as problem:
            raise UnreadableError(
                f"expected to open {path}, found: {problem.strerror}; check who may read it"
            ) from problem
        if len(self._open) >= _KEEP_OPEN:
            self._let_go(next(iter(self._open)))
        self._open[segment] = descriptor, os.fstat(descriptor).st_ino
        return descriptor

    def begun(self, segment: int) -> None:
        """Take note that ``segment`` was created."""
        self._last = segment

    def begin_at(self, segment: int) -> None:
        """Take ``segment`` for the first one."""
        self._first = segment

    def drop_before(self, segment: int) -> None:
        """Remove segments durably, oldest first, so that no gap is left by a crash."""
        gone = sorted(n for n in os.listdir(self.folder) if n < segment_name(segment))  # noqa: PTH208 - names
        for name in gone:
            (self.folder / name).unlink()
            sync_directory(self.folder)
        self._first = segment
        for each in [number for number in self._open if number < segment]:
            self._let_go(each)

    def close(self) -> None:
        """Let go of every descriptor; idempotent."""
        self._closed = True
        for each in [*self._open]:
            with suppress(OSError):
                self._let_go(each)

    def _let_go(self, segment: int) -> None:
        os.close(self._open.pop(segment)[0])

    def _name(self, segment: int) -> str:
        return f"{self.folder}/{segment:012d}.seg"

    def _exists(self, segment: int) -> bool:
        # Asked at every append, where a Path would take as long as three system calls.
        return os.access(self._name(segment), os.F_OK)

    def _require_open(self) -> None:
        if self._closed:
            raise ClosedError("expected an open ledger, found a closed one; open it again")
