"""Staging: a private folder in the workspace where results are written before any is put in place.

It is made beside what it will replace, so that putting in place is a rename and never a
half-written file, and a full disk is found out before anything of the user's was touched. The
folder is locked (flock) while its shell lives; one whose shell was killed is removed by the next.
Captures never see staging folders (`ignore.ALWAYS`). Not synced: the results are safe in the
ledger's objects.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import stat
from types import TracebackType
from typing import Self

from ledger import ObjectStore
from os2shell.executors.workspace.capture import FOLDER_FLAGS
from os2shell.executors.workspace.populate import CREATE_FLAGS, write_object
from os2shell.executors.workspace.tree import Entry, Kind

STAGING_PREFIX = b".os2-apply-"
COPY_BYTES = 1 << 20


class Staging:
    """Results under way, by number."""

    def __init__(self, root_fd: int, tag: str) -> None:
        """Make the folder in the workspace at ``root_fd``; raises ``OSError`` where it cannot."""
        self._root = root_fd
        _clear_abandoned(root_fd)
        self._name = STAGING_PREFIX + f"{tag}-{os.getpid()}".encode()
        os.mkdir(self._name, 0o700, dir_fd=root_fd)
        self._fd = os.open(self._name, FOLDER_FLAGS, dir_fd=root_fd)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        self._count = 0

    def __enter__(self) -> Self:
        """Return itself; leaving removes the folder with whatever is still in it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _remove(self._root, self._name)
        os.close(self._fd)

    def write(self, entry: Entry, objects: ObjectStore) -> bytes:
        """Write a file or link; return the name to put it in place with."""
        self._count += 1
        name = str(self._count).encode()
        if entry.kind is Kind.LINK:
            os.symlink(entry.content, name, dir_fd=self._fd)
            return name
        mode = 0o777 if entry.kind is Kind.PROGRAM else 0o666
        file = os.open(name, CREATE_FLAGS, mode, dir_fd=self._fd)
        try:
            write_object(file, objects, entry)
        finally:
            os.close(file)
        return name

    def resemble(self, name: bytes, status: os.stat_result) -> None:
        """Give the staged file the owner and permissions of the file it is to replace."""
        own = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        if not (stat.S_ISREG(own.st_mode) and stat.S_ISREG(status.st_mode)):
            return
        mode = stat.S_IMODE(status.st_mode) & 0o666
        if own.st_mode & stat.S_IXUSR:
            mode |= (mode & 0o444) >> 2
        if (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
            with contextlib.suppress(PermissionError):
                os.chown(name, status.st_uid, status.st_gid, dir_fd=self._fd)
        os.chmod(name, mode, dir_fd=self._fd)

    def replace(self, name: bytes, folder: int, target: bytes) -> None:
        """Put the staged ``name`` in place of ``target``, whatever that is now."""
        try:
            os.replace(name, target, src_dir_fd=self._fd, dst_dir_fd=folder)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            beside = self._copy(name, folder)
            os.replace(beside, target, src_dir_fd=folder, dst_dir_fd=folder)

    def add(self, name: bytes, folder: int, target: bytes) -> bool:
        """Put the staged ``name`` at ``target`` unless something is there; say whether it was."""
        try:
            os.link(name, target, src_dir_fd=self._fd, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            return False
        except OSError as error:
            # File systems without hard links (FAT, some network shares), and mount points.
            if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV, errno.EMLINK}:
                raise
            if exists(folder, target):
                return False
            self.replace(name, folder, target)
        return True

    def _copy(self, name: bytes, folder: int) -> bytes:
        """Copy a staged entry into ``folder`` on another file system, under a name of its own."""
        beside = self._name + b"-" + name
        status = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(name, dir_fd=self._fd), beside, dir_fd=folder)
            return beside
        source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._fd)
        with os.fdopen(source, "rb") as reader:
            made = os.open(beside, CREATE_FLAGS, stat.S_IMODE(status.st_mode), dir_fd=folder)
            try:
                with os.fdopen(made, "wb") as writer:
                    shutil.copyfileobj(reader, writer, COPY_BYTES)
            except OSError:
                os.unlink(beside, dir_fd=folder)
                raise
        return beside


def exists(folder: int, name: bytes) -> bool:
    """Say whether ``name`` is there, be it a dangling link."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _clear_abandoned(root_fd: int) -> None:
    """Remove staging folders whose shell was killed: nobody holds their lock."""
    with os.scandir(root_fd) as listing:
        names = [
            os.fsencode(entry.name) for entry in listing if entry.name.startswith(".os2-apply-")
        ]
    for name in names:
        try:
            fd = os.open(name, FOLDER_FLAGS, dir_fd=root_fd)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # another shell is at work
        else:
            _remove(root_fd, name)
        finally:
            os.close(fd)


def _remove(root_fd: int, name: bytes) -> None:
    """Remove a staging folder: flat, and ours alone."""
    with contextlib.suppress(OSError):
        fd = os.open(name, FOLDER_FLAGS, dir_fd=root_fd)
        try:
            for inner in os.listdir(fd):  # noqa: PTH208 — pathlib lists no descriptors
                os.unlink(inner, dir_fd=fd)
        finally:
            os.close(fd)
        os.rmdir(name, dir_fd=root_fd)
