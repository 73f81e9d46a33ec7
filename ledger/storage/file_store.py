"""A store in a directory: segments as files, ``flock`` between processes, durable writes.

Life of an instance: created, used, and closed, by itself when a write or a sync fails: what such a
failure left on the disk is unknown, and a second sync would lie. Opening again finds out.

All names are looked up beneath the descriptor of the log's folder, from the opening to the close:
were the folder moved and another laid in its place, one instance would otherwise hold the lock of
the one and write into the other.

Sequences of system calls:

append            pwritev(RWF_DSYNC); a crash leaves any prefix, which recovery sets aside
                  without sync: pwrite, and posix_fadvise so that the disk begins with much
sync              fdatasync
begin_segment     open segments/, create segment.new, write, fsync, rename, fsync segments/
set_aside         open quarantine/, create a file, write, fsync, fsync quarantine/, ftruncate, fsync
keep_seal, keep   create N.new, write, fsync, rename, fsync the folder, which was opened before
settle_kept       rename or unlink, fsync the folder
drop_before       open segments/, and for each unlink, fsync segments/
publish           pwrite over a note of the same length, or as cache
cache             create, write, rename
                  neither is synced, because both can be made again from the log
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import NoReturn

from ledger.disk import NO_ROOM, Folder, sync_directory, write_begun, write_durably
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
from ledger.storage.segment_files import CREATE, SEGMENTS, SegmentFiles, write_all
from ledger.storage.small_files import SmallFiles
from ledger.storage.store import Position
from ledger.storage.store_lock import StoreLock


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
        self._closed = False
        if not (directory / SEGMENTS).is_dir():
            self._create_folders(create=create and not read_only)
        self.folder = self._opened()
        self._objects = FileObjects(directory / "objects", within=self.folder)
        self._segments = SegmentFiles(self.folder, read_only=read_only)
        self._small = SmallFiles(self.folder)
        try:
            self._lock = StoreLock(self.folder, read_only=read_only, fail=self._fail)
        except UnreadableError:
            self.folder.close()
            raise
        try:
            self._segments.find()
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
        self._require_open()
        return self._lock.held(alone=True)

    def shared(self) -> AbstractContextManager[None]:
        """Keep appenders away for a moment."""
        self._require_open()
        return self._lock.held(alone=False)

    def first(self) -> int:
        """The first segment that is here."""
        return self._segments.first()

    def end(self) -> Position:
        """The end of the log."""
        return self._segments.end()

    def length(self, segment: int) -> int:
        """The bytes in ``segment``."""
        return self._segments.length(segment)

    def read(self, at: Position, count: int) -> bytes:
        """Up to ``count`` bytes."""
        descriptor = self._segments.descriptor(at.segment)
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
        try:
            self._segments.begin(segment, data)
        except OSError as problem:
            self._fail("create a segment", problem)

    def append(self, at: Position, data: bytes, *, synced: bool = True) -> None:
        """Write and sync in one call where the kernel can."""
        descriptor = self._segments.descriptor(at.segment)
        write = write_durably if synced else write_begun
        try:
            written = write(descriptor, data, at.offset)
            while written < len(data):
                written += write(descriptor, data[written:], at.offset + written)
        except OSError as problem:
            self._fail("append", problem)

    def sync(self) -> None:
        """Sync the last segment."""
        if self._segments.last < 0:
            return
        descriptor = self._segments.descriptor(self._segments.last)
        try:
            os.fdatasync(descriptor)
        except OSError as problem:
            self._fail("sync", problem)

    def set_aside(self, at: Position, name: str) -> None:
        """Copy the tail durably, then cut it; a crash between leaves both, which is harmless."""
        descriptor = self._segments.descriptor(at.segment)
        try:
            self.folder.make("quarantine")
            with self.folder.folder("quarantine") as folder:
                target = folder.file(name, CREATE, 0o600)
                try:
                    offset, size = at.offset, os.fstat(descriptor).st_size
                    while offset < size:
                        offset += write_all(target, os.pread(descriptor, 1024 * 1024, offset))
                    os.fsync(target)
                finally:
                    os.close(target)
                folder.sync()
            self.folder.sync()
            os.ftruncate(descriptor, at.offset)
            os.fsync(descriptor)
        except OSError as problem:
            self._fail("set a torn tail aside", problem)

    def seal(self, segment: int) -> bytes | None:
        """The file of that number in ``seals/``; unreadable is as good as absent."""
        with suppress(UnreadableError):
            return self._small.read(f"seals/{seal_name(segment)}")
        return None

    def keep_seal(self, segment: int, data: bytes) -> None:
        """Replace a seal, durably."""

        def write() -> None:
            if not self.folder.has_folder("seals"):
                self.folder.make("seals")
                self.folder.sync()
            with self.folder.folder("seals") as folder:
                SmallFiles(folder).keep(seal_name(segment), data)

        self._do("seal a segment", write)

    def kept(self, name: str) -> bytes | None:
        """The file ``name`` beside the log."""
        return self._small.read(name)

    def keep(self, name: str, data: bytes) -> None:
        """Replace the file ``name``, durably."""
        self._do(f"write {name}", lambda: self._small.keep(name, data))

    def settle_kept(self, name: str, new: str | None) -> None:
        """Give the file ``name`` the name ``new``, or remove it."""
        self._do(f"settle {name}", lambda: self._small.settle(name, new))

    def begin_at(self, segment: int) -> None:
        """Take ``segment`` for the first one."""
        self._segments.begin_at(segment)

    def drop_before(self, segment: int) -> None:
        """Remove segments, oldest first."""
        self._do("remove a pruned segment", lambda: self._segments.drop_before(segment))

    def published(self) -> bytes | None:
        """The file ``checkpoint``."""
        return self._small.read("checkpoint")

    def publish(self, note: bytes) -> None:
        """Replace the file ``checkpoint``; ``small_files`` says what readers may meet."""
        self._do("publish checkpoint", lambda: self._small.publish("checkpoint", note))

    def cached(self) -> bytes | None:
        """The file ``head``; unreadable is as good as absent."""
        with suppress(UnreadableError):
            return self._small.read("head")
        return None

    def cache(self, data: bytes) -> None:
        """Replace the file ``head``."""
        self._do("publish head", lambda: self._small.cache("head", data))

    def close(self) -> None:
        """Close every descriptor; the lock goes with its file."""
        self._closed = True
        self._segments.close()
        self._lock.close()
        self.folder.close()

    def _opened(self) -> Folder:
        try:
            return Folder.opened(self.directory, only_names=self._read_only)
        except OSError as problem:
            raise UnreadableError(
                f"expected to open {self.directory}, found: {problem.strerror}; check its mode"
            ) from problem

    def _create_folders(self, *, create: bool) -> None:
        if not create:
            raise LedgerMissing(
                f"expected a ledger in {self.directory}, found none; check the path"
            )
        segments = self.directory / SEGMENTS
        try:
            missing = [path for path in (segments, *segments.parents) if not path.exists()]
            segments.mkdir(parents=True, exist_ok=True)
            for path in missing:
                sync_directory(path.parent)
        except OSError as problem:
            raise UnreadableError(
                f"expected to create a ledger in {self.directory}, found: {problem.strerror}; "
                "choose a folder you may write to"
            ) from problem

    def _do(self, what: str, write: Callable[[], None]) -> None:
        """Write; a failure is final."""
        self._require_open()
        try:
            write()
        except OSError as problem:
            self._fail(what, problem)

    def _require_open(self) -> None:
        if self._closed:
            raise ClosedError("expected an open ledger, found a closed one; open it again")

    def _fail(self, what: str, problem: OSError) -> NoReturn:
        with suppress(OSError):
            self.close()
        kind = DiskFull if problem.errno in NO_ROOM else DurabilityError
        raise kind(
            f"expected to {what} in {self.directory}, found: {problem.strerror}; this instance is "
            "closed: make room or repair the disk, then open the ledger again"
        ) from problem
