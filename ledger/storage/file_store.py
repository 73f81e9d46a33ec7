"""A store in a directory: segments as files, ``flock`` between processes, durable writes.

Life of an instance: created, used, and closed, by itself when a write or a sync fails: what such a
failure left on the disk is unknown, and a second sync would lie. Opening again finds out.

Sequences of system calls:

append            pwritev(RWF_DSYNC); a crash leaves any prefix, which recovery sets aside
                  without sync: pwrite, and posix_fadvise so that the disk begins with much
sync              fdatasync
begin_segment     create segment.new, write, fsync, rename into segments/, fsync segments/
set_aside         create quarantine file, write, fsync, fsync quarantine/, ftruncate, fsync segment
keep_seal, keep   create N.new, write, fsync, rename, fsync the folder
settle_kept       rename or unlink, fsync the folder
drop_before       unlink, fsync segments/, for each
publish           pwrite over a note of the same length, or as cache
cache             create, write, rename
                  neither is synced, because both can be made again from the log
"""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final, NoReturn

from ledger.disk import NO_ROOM, sync_directory, write_begun, write_durably
from ledger.errors import (
    ClosedError,
    DiskFull,
    DurabilityError,
    FormatError,
    LedgerMissing,
    UnreadableError,
)
from ledger.storage.file_objects import FileObjects
from ledger.storage.objects import ObjectStore
from ledger.storage.store import Position

PRUNED: Final = "pruned"
"""The file without which segments must begin with number 0."""
MAX_SMALL_FILE: Final = 64 * 1024 * 1024
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # no wait for a pipe
_WRITE: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_TRUNC
_KEEP_OPEN: Final = 16
_SPARE: Final = "head.spare"
_SECTOR: Final = 512


def segment_name(segment: int) -> str:
    """The file name of ``segment``."""
    return f"{segment:012d}.seg"


def seal_name(segment: int) -> str:
    """The file name of the seal of ``segment``."""
    return f"{segment:012d}.seal"


class FileStore:
    """A log in ``directory``; several processes may hold one each."""

    volatile = False

    def __init__(self, directory: Path, *, read_only: bool = False, create: bool = True) -> None:
        """Open ``directory``, making it when allowed."""
        self.directory = directory
        self._read_only = read_only
        self._objects = FileObjects(directory / "objects")
        self._segments_dir = directory / "segments"
        self._files: dict[int, int] = {}
        self._first, self._last = 0, -1
        self._closed = False
        self._process = os.getpid()
        self._lock_file: int | None = None
        if not self._segments_dir.is_dir():
            self._create_folders(create=create and not read_only)
        self._lock_file = self._open_lock()
        try:
            self._first, self._last = self._find_ends()
        except (FormatError, UnreadableError):
            self.close()
            raise

    @property
    def objects(self) -> ObjectStore:
        """The content that records refer to."""
        return self._objects

    @property
    def writable(self) -> bool:
        """Whether this instance may write."""
        return not self._read_only

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the lock file; the kernel releases it when the process dies."""
        return self._locked(fcntl.LOCK_EX)

    def shared(self) -> AbstractContextManager[None]:
        """Keep appenders away for a moment."""
        return self._locked(fcntl.LOCK_SH)

    def first(self) -> int:
        """The first segment that is here: one stat, and more when another process pruned."""
        while self._first < self._last and not self._exists(self._first):
            self._first += 1
        return self._first

    def end(self) -> Position:
        """The end of the log: one fstat, and one stat for a segment begun by another process."""
        self._require_open()
        while self._exists(self._last + 1):
            self._last += 1
        if self._last < 0:
            return Position(-1, 0)
        return Position(self._last, self.length(self._last))

    def _exists(self, segment: int) -> bool:
        # Asked at every append, where a Path would take as long as three system calls.
        return os.access(f"{self._segments_dir}/{segment:012d}.seg", os.F_OK)

    def length(self, segment: int) -> int:
        """The bytes in ``segment``."""
        return os.fstat(self._file(segment)).st_size

    def read(self, at: Position, count: int) -> bytes:
        """Up to ``count`` bytes."""
        descriptor = self._file(at.segment)
        try:
            data = os.pread(descriptor, count, at.offset)
            while data and len(data) < count:
                more = os.pread(descriptor, count - len(data), at.offset + len(data))
                if not more:
                    break
                data += more
        except OSError as problem:
            raise UnreadableError(
                f"expected to read segment {at.segment}, found: {problem.strerror}; check the disk"
            ) from problem
        return data

    def begin_segment(self, segment: int, data: bytes) -> None:
        """Create a segment whole, or not at all."""
        self._require_open()
        spare = self.directory / "segment.new"
        try:
            descriptor = os.open(spare, _CREATE, 0o644)
            try:
                _write_all(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            spare.rename(self._segments_dir / segment_name(segment))
            sync_directory(self._segments_dir)
            if segment == 0:  # whoever made the folders may have died before it synced them
                sync_directory(self.directory)
                sync_directory(self.directory.parent)
        except OSError as problem:
            self._fail("create a segment", problem)
        self._last = segment

    def append(self, at: Position, data: bytes, *, synced: bool = True) -> None:
        """Write and sync in one call where the kernel can."""
        descriptor = self._file(at.segment)
        write = write_durably if synced else write_begun
        try:
            written = write(descriptor, data, at.offset)
            while written < len(data):
                written += write(descriptor, data[written:], at.offset + written)
        except OSError as problem:
            self._fail("append", problem)

    def sync(self) -> None:
        """Sync the last segment."""
        if self._last < 0:
            return
        descriptor = self._file(self._last)
        try:
            os.fdatasync(descriptor)
        except OSError as problem:
            self._fail("sync", problem)

    def set_aside(self, at: Position, name: str) -> None:
        """Copy the tail durably, then cut it; a crash between leaves both, which is harmless."""
        descriptor = self._file(at.segment)
        folder = self.directory / "quarantine"
        try:
            folder.mkdir(exist_ok=True)
            target = os.open(folder / name, _CREATE, 0o600)
            try:
                offset, size = at.offset, os.fstat(descriptor).st_size
                while offset < size:
                    offset += _write_all(target, os.pread(descriptor, 1024 * 1024, offset))
                os.fsync(target)
            finally:
                os.close(target)
            sync_directory(folder)
            sync_directory(self.directory)
            os.ftruncate(descriptor, at.offset)
            os.fsync(descriptor)
        except OSError as problem:
            self._fail("set a torn tail aside", problem)

    def seal(self, segment: int) -> bytes | None:
        """The file of that number in ``seals/``; unreadable is as good as absent."""
        try:
            return self._small(f"seals/{seal_name(segment)}")
        except UnreadableError:
            return None

    def keep_seal(self, segment: int, data: bytes) -> None:
        """Replace a seal, durably."""
        self._require_open()
        path = self.directory / "seals" / seal_name(segment)
        try:
            if not path.parent.is_dir():
                path.parent.mkdir()
                sync_directory(self.directory)
            write_whole(path, data)
        except OSError as problem:
            self._fail("seal a segment", problem)

    def kept(self, name: str) -> bytes | None:
        """The file ``name`` beside the log."""
        return self._small(name)

    def keep(self, name: str, data: bytes) -> None:
        """Replace the file ``name``, durably."""
        self._require_open()
        try:
            write_whole(self.directory / name, data)
        except OSError as problem:
            self._fail(f"write {name}", problem)

    def settle_kept(self, name: str, new: str | None) -> None:
        """Give the file ``name`` the name ``new``, or remove it."""
        self._require_open()
        path = self.directory / name
        try:
            if new is None:
                path.unlink()
            else:
                path.rename(self.directory / new)
            sync_directory(self.directory)
        except OSError as problem:
            self._fail(f"settle {name}", problem)

    def begin_at(self, segment: int) -> None:
        """Take ``segment`` for the first one."""
        self._first = segment

    def drop_before(self, segment: int) -> None:
        """Remove segments, oldest first, so that no gap is left by a crash."""
        self._require_open()
        try:
            gone = sorted(n for n in os.listdir(self._segments_dir) if n < segment_name(segment))  # noqa: PTH208 - names
            for name in gone:
                (self._segments_dir / name).unlink()
                sync_directory(self._segments_dir)
        except OSError as problem:
            self._fail("remove a pruned segment", problem)
        self._first = segment
        for each in [number for number in self._files if number < segment]:
            os.close(self._files.pop(each))

    def published(self) -> bytes | None:
        """The file ``checkpoint``."""
        return self._small("checkpoint")

    def publish(self, note: bytes) -> None:
        """Replace the file ``checkpoint``.

        A note that is as long as the one before is written over it: a rename would cost as much
        as the append's own sync. Who reads without the lock may meet a mixture of two notes,
        which no signature covers, and reads again; a power loss may leave one within a sector.
        """
        if len(note) > _SECTOR or not self._overwrite("checkpoint", note):
            self._replace("checkpoint", note)

    def cached(self, *, spare: bool = False) -> bytes | None:
        """The file ``head`` or ``head.spare``; unreadable is as good as absent."""
        try:
            return self._small(_SPARE if spare else "head")
        except UnreadableError:
            return None

    def cache(self, data: bytes, *, spare: bool = False) -> None:
        """Replace the file ``head`` or ``head.spare``."""
        self._replace(_SPARE if spare else "head", data)

    def close(self) -> None:
        """Close every descriptor; the lock goes with its file."""
        self._closed = True
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files.clear()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        self._require_open()
        self._require_process()
        if self._lock_file is None:
            yield  # a copy without lock file: nobody appends to it
            return
        self._flock(self._lock_file, kind)
        try:
            yield
        finally:
            if self._lock_file is not None:
                self._flock(self._lock_file, fcntl.LOCK_UN)

    def _flock(self, descriptor: int, kind: int) -> None:
        try:
            fcntl.flock(descriptor, kind)
        except OSError as problem:
            self._fail("hold the lock", problem)  # closing lets go of it for certain

    def _create_folders(self, *, create: bool) -> None:
        if not create:
            raise LedgerMissing(
                f"expected a ledger in {self.directory}, found none; check the path"
            )
        folders = (self._segments_dir, *self._segments_dir.parents)
        try:
            missing = [path for path in folders if not path.exists()]
            self._segments_dir.mkdir(parents=True, exist_ok=True)
            for path in missing:
                sync_directory(path.parent)
        except OSError as problem:
            raise UnreadableError(
                f"expected to create a ledger in {self.directory}, found: {problem.strerror}; "
                "choose a folder you may write to"
            ) from problem

    def _open_lock(self) -> int | None:
        path = self.directory / "lock"
        try:
            return _open_regular(path, _READ if self._read_only else _WRITE | os.O_CREAT)
        except OSError as problem:
            if self._read_only and problem.errno in {errno.ENOENT, errno.EACCES}:
                return None
            raise UnreadableError(
                f"expected to open the lock {path}, found: {problem.strerror}; "
                "check who may write to the ledger"
            ) from problem

    def _find_ends(self) -> tuple[int, int]:
        try:
            names = sorted(name for name in os.listdir(self._segments_dir))  # noqa: PTH208 - names
        except OSError as problem:
            raise UnreadableError(
                f"expected to list {self._segments_dir}, found: {problem.strerror}; check its mode"
            ) from problem
        first = 0
        if names and (self.directory / PRUNED).exists():  # what it says is judged elsewhere
            text = names[0].partition(".")[0]
            first = int(text) if text.isascii() and text.isdigit() else 0
        for number, name in enumerate(names, first):
            if name != segment_name(number):
                raise FormatError(
                    f"expected segments/{segment_name(number)}, found segments/{name}; a segment "
                    "is missing, renamed, or a foreign file lies there"
                )
        return first, first + len(names) - 1

    def _file(self, segment: int) -> int:
        self._require_open()
        if segment in self._files:
            return self._files[segment]
        path = self._path(segment)
        try:
            descriptor = _open_regular(path, _READ if self._read_only else _WRITE)
        except OSError as problem:
            raise UnreadableError(
                f"expected to open {path}, found: {problem.strerror}; check who may read it"
            ) from problem
        if len(self._files) >= _KEEP_OPEN:
            os.close(self._files.pop(next(iter(self._files))))
        self._files[segment] = descriptor
        return descriptor

    def _path(self, segment: int) -> Path:
        return self._segments_dir / segment_name(segment)

    def _small(self, name: str) -> bytes | None:
        try:
            descriptor = os.open(self.directory / name, _READ)
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise UnreadableError(
                f"expected to read {self.directory / name}, found: {problem.strerror}"
            ) from problem
        try:
            with open(descriptor, "rb", closefd=False) as file:
                return file.read(MAX_SMALL_FILE)
        except OSError as problem:
            raise UnreadableError(
                f"expected a file {self.directory / name}, found: {problem.strerror}"
            ) from problem
        finally:
            os.close(descriptor)

    def _overwrite(self, name: str, data: bytes) -> bool:
        """Write over the file ``name`` when it is as long as ``data``; else do nothing."""
        self._require_open()
        try:
            descriptor = os.open(f"{self.directory}/{name}", _WRITE)
        except OSError:
            return False
        try:
            return os.fstat(descriptor).st_size == len(data) == os.pwrite(descriptor, data, 0)
        except OSError as problem:
            self._fail(f"publish {name}", problem)
        finally:
            os.close(descriptor)

    def _replace(self, name: str, data: bytes) -> None:
        self._require_open()
        spare = self.directory / f"{name}.new"
        try:
            descriptor = os.open(spare, _CREATE, 0o644)
            try:
                _write_all(descriptor, data)
            finally:
                os.close(descriptor)
            spare.rename(self.directory / name)
        except OSError as problem:
            if problem.errno in NO_ROOM:
                # The log holds what was acknowledged; a stale publication or cache is renewed by
                # the next append that finds room, and must not keep anybody from making room.
                with suppress(OSError):
                    spare.unlink()
                return
            self._fail(f"publish {name}", problem)

    def _require_open(self) -> None:
        if self._closed:
            raise ClosedError("expected an open ledger, found a closed one; open it again")

    def _require_process(self) -> None:
        """Across a fork both processes own the one lock, and would write over each other."""
        if os.getpid() != self._process:
            raise ClosedError(
                "expected the process that opened this ledger, found a fork of it; open the "
                "ledger again in this process"
            )

    def _fail(self, what: str, problem: OSError) -> NoReturn:
        with suppress(OSError):
            self.close()
        kind = DiskFull if problem.errno in NO_ROOM else DurabilityError
        raise kind(
            f"expected to {what} in {self.directory}, found: {problem.strerror}; this instance is "
            "closed: make room or repair the disk, then open the ledger again"
        ) from problem


def _open_regular(path: Path, flags: int) -> int:
    descriptor = os.open(path, flags, 0o644)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "something that is no file")


def write_whole(path: Path, data: bytes) -> None:
    """Make ``path`` hold ``data``, whole and durable, or leave it as it was."""
    spare = path.with_name(f"{path.name}.new")
    descriptor = os.open(spare, _CREATE, 0o644)
    try:
        _write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    spare.rename(path)
    sync_directory(path.parent)


def _write_all(descriptor: int, data: bytes) -> int:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    return len(data)
