"""Populate: a tree becomes files in an empty folder, the same way every time.

Entries are made in order of their names, depth first, with one fixed time and fixed modes, so
inode numbers, listing order and times on a fresh tmpfs are the same at record and replay. A tree
that comes from a bundle is not trusted: `tree` refuses names that would leave the folder, and the
limits hold.

The returned index lets the capture after the run read only what the guest changed. It counts at
once, without the usual two racy seconds: before returning, `populate` waits (a few milliseconds at
most) until the kernel's clock for file times has passed the last file's change time. From then on
any change moves the change time, which no guest can set.
"""

import os
import time
from dataclasses import dataclass, field

from ledger import Digest, ObjectStore
from os2shell.executors.workspace.capture import FOLDER_FLAGS
from os2shell.executors.workspace.errors import CannotPopulate, TreeInvalid
from os2shell.executors.workspace.index import (
    FOLDER_SIGNATURE,
    NO_DIGEST,
    Folder,
    Index,
    Row,
    folder_of,
    signature_of,
)
from os2shell.executors.workspace.limits import WorkspaceLimits
from os2shell.executors.workspace.tree import Entry, Kind, read_tree

FIXED_TIME_NS = 1_577_836_800_000_000_000
"""2020-01-01T00:00:00Z, the time of every file a guest finds."""

FILE_MODE = 0o644
PROGRAM_MODE = 0o755
FOLDER_MODE = 0o755
CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
CLOCK_REALTIME_COARSE = 5  # <linux/time.h>; what file times are taken from
WHOLE_BYTES = 8 << 20
CHUNK_BYTES = 1 << 20
_HOLE = bytes(CHUNK_BYTES)


def populate(
    root_fd: int,
    tree: Digest,
    objects: ObjectStore,
    *,
    owner: tuple[int, int] | None = None,
    limits: WorkspaceLimits | None = None,
) -> Index:
    """Write ``tree`` into the empty folder at ``root_fd`` and return the index of what was made.

    ``owner`` is (uid, gid) for everything made, the folder itself too. Raises ``CannotPopulate``
    with the path, ``TreeInvalid`` for a tree no capture writes, and the store's errors for lost
    objects.
    """
    writer = _Writer(objects, owner, limits or WorkspaceLimits())
    newest_ns = writer.folder(root_fd, tree, b"", 0)
    while time.clock_gettime_ns(CLOCK_REALTIME_COARSE) <= newest_ns:
        time.sleep(0.0005)
    return Index(newest_ns + 1, writer.folders)


@dataclass(slots=True)
class _Writer:
    """One folder being filled, and what was made so far."""

    objects: ObjectStore
    owner: tuple[int, int] | None
    limits: WorkspaceLimits
    entries: int = 0
    size: int = 0
    folders: dict[bytes, Folder] = field(default_factory=dict)

    def folder(self, fd: int, tree: Digest, path: bytes, depth: int) -> int:
        """Fill the folder at ``fd``; return the latest change time in it."""
        if depth > self.limits.depth:
            raise TreeInvalid(f"more than {self.limits.depth} levels")
        entries = read_tree(self.objects, tree)
        self._count(entries)
        prefix = path + b"/" if path else b""
        rows: list[Row] = []
        newest_ns = 0
        for entry in entries:
            try:
                if entry.kind is Kind.FOLDER:
                    newest_ns = max(newest_ns, self._below(fd, entry, prefix, depth))
                    rows.append(Row(entry.name, FOLDER_SIGNATURE, entry.content))
                    continue
                status = self._link(fd, entry) if entry.kind is Kind.LINK else self._file(fd, entry)
            except OSError as error:
                raise CannotPopulate(prefix + entry.name, error.strerror or "failed") from None
            content = NO_DIGEST if entry.kind is Kind.LINK else entry.content
            rows.append(Row(entry.name, signature_of(status), content))
        self._finish(fd, FOLDER_MODE)
        known = self.folders[path] = folder_of(rows, tree)
        return max(newest_ns, known.newest_ns)

    def _count(self, entries: tuple[Entry, ...]) -> None:
        self.entries += len(entries)
        self.size += sum(entry.size for entry in entries)
        if self.entries > self.limits.files:
            raise TreeInvalid(f"more than {self.limits.files} files")
        if self.size > self.limits.size:
            raise TreeInvalid(f"more than {self.limits.size} bytes")

    def _below(self, fd: int, entry: Entry, prefix: bytes, depth: int) -> int:
        os.mkdir(entry.name, 0o700, dir_fd=fd)
        inner = os.open(entry.name, FOLDER_FLAGS, dir_fd=fd)
        try:
            return self.folder(inner, entry.digest, prefix + entry.name, depth + 1)
        finally:
            os.close(inner)

    def _link(self, fd: int, entry: Entry) -> os.stat_result:
        os.symlink(entry.content, entry.name, dir_fd=fd)
        if self.owner is not None:
            os.chown(entry.name, *self.owner, dir_fd=fd, follow_symlinks=False)
        times = (FIXED_TIME_NS, FIXED_TIME_NS)
        os.utime(entry.name, ns=times, dir_fd=fd, follow_symlinks=False)
        return os.stat(entry.name, dir_fd=fd, follow_symlinks=False)

    def _file(self, fd: int, entry: Entry) -> os.stat_result:
        file = os.open(entry.name, CREATE_FLAGS, 0o600, dir_fd=fd)
        try:
            if write_object(file, self.objects, entry) != entry.size:
                raise TreeInvalid(f"a wrong size for {entry.name!r}")
            self._finish(file, PROGRAM_MODE if entry.kind is Kind.PROGRAM else FILE_MODE)
            return os.fstat(file)
        finally:
            os.close(file)

    def _finish(self, fd: int, mode: int) -> None:
        """Fix owner, mode and times; last, because writing moves the times."""
        if self.owner is not None:
            os.fchown(fd, *self.owner)
        os.fchmod(fd, mode)
        os.utime(fd, ns=(FIXED_TIME_NS, FIXED_TIME_NS))


def write_object(file: int, objects: ObjectStore, entry: Entry) -> int:
    """Write the bytes of ``entry`` to the empty ``file``; return how many there were.

    Pieces of large ones that are all zeros become holes: what was sparse takes no more room here.
    """
    if entry.size <= WHOLE_BYTES:
        data = objects.get(entry.digest)
        _write_all(file, data)
        return len(data)
    written = 0
    with objects.open(entry.digest) as source:
        while chunk := source.read(CHUNK_BYTES):
            written += len(chunk)
            if chunk == _HOLE:
                os.lseek(file, len(chunk), os.SEEK_CUR)
            else:
                _write_all(file, chunk)
    os.ftruncate(file, written)
    return written


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
