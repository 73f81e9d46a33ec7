"""The files in ``segments/``: which there are, and one descriptor for each that is in use.

Other processes begin segments, and prune them. What is looked at is always the file that lies under
the segment's name *now*. A descriptor stays good when its file was removed, but whatever is
written there is lost: so the end of the log is asked of the name, and a descriptor of
another file is let go.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from ledger.disk import Folder
from ledger.errors import ClosedError, FormatError, UnreadableError
from ledger.storage.store import Position

SEGMENTS: Final = "segments"
PRUNED: Final = "pruned"
"""The file without which segments must begin with number 0."""
READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # no wait for a pipe
WRITE: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_TRUNC
_KEEP_OPEN: Final = 16


def segment_name(segment: int) -> str:
    """The file name of ``segment``."""
    return f"{segment:012d}.seg"


class SegmentFiles:
    """The segments of the log in the folder ``log``."""

    def __init__(self, log: Folder, *, read_only: bool) -> None:
        """Nothing is looked at before ``find``."""
        self._log = log
        self._flags = READ if read_only else WRITE
        self._open: dict[int, tuple[int, int]] = {}  # descriptor and inode
        self._first, self._last = 0, -1
        self._closed = False

    @property
    def folder(self) -> Path:
        """Where the segments lie, for people to read."""
        return self._log.path / SEGMENTS

    @property
    def last(self) -> int:
        """The last segment that was seen; -1 where there was none."""
        return self._last

    def find(self) -> None:
        """List the folder; ``FormatError`` where a segment is missing or something else lies."""
        try:
            names = sorted(self._log.names(SEGMENTS))
        except OSError as problem:
            raise UnreadableError(
                f"expected to list {self.folder}, found: {problem.strerror}; check its mode"
            ) from problem
        first = 0
        if names and self._log.has(PRUNED):  # what it says is judged elsewhere
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
            found = self._log.target(_name(self._last))
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
        try:
            descriptor = self._log.plain_file(_name(segment), self._flags)
        except OSError as problem:
            raise UnreadableError(
                f"expected to open {self.folder / segment_name(segment)}, found: "
                f"{problem.strerror}; check who may read it"
            ) from problem
        if len(self._open) >= _KEEP_OPEN:
            self._let_go(next(iter(self._open)))
        self._open[segment] = descriptor, os.fstat(descriptor).st_ino
        return descriptor

    def begin(self, segment: int, data: bytes) -> None:
        """Create a segment whole and durable, or not at all."""
        spare = "segment.new"
        with self._log.folder(SEGMENTS) as folder:
            descriptor = self._log.file(spare, CREATE)
            try:
                write_all(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._log.rename(spare, segment_name(segment), folder)
            folder.sync()
        if segment == 0:  # whoever made the folders may have died before it synced them
            self._log.sync()
            self._log.sync_above()
        self._last = segment

    def begin_at(self, segment: int) -> None:
        """Take ``segment`` for the first one."""
        self._first = segment

    def drop_before(self, segment: int) -> None:
        """Remove segments durably, oldest first, so that no gap is left by a crash."""
        with self._log.folder(SEGMENTS) as folder:
            for name in sorted(name for name in folder.names() if name < segment_name(segment)):
                folder.remove(name)
                folder.sync()
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

    def _exists(self, segment: int) -> bool:
        return self._log.has(_name(segment))

    def _require_open(self) -> None:
        if self._closed:
            raise ClosedError("expected an open ledger, found a closed one; open it again")


def write_all(descriptor: int, data: bytes) -> int:
    """Write ``data`` where ``descriptor`` stands; returns its length."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    return len(data)


def _name(segment: int) -> str:
    return f"{SEGMENTS}/{segment:012d}.seg"  # asked for at every append
