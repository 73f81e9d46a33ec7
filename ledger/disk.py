"""What every room that writes files needs to know of disks."""

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says when there is no space, no quota, or a limit on the file's size."""

LARGE: Final = 64 * 1024
"""Bytes from which it pays to let the disk begin before somebody waits for it."""


def sync_directory(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    _sync(folder, os.O_DIRECTORY)


def sync_file(path: Path) -> None:
    """Make the content of ``path`` durable."""
    _sync(path, os.O_NOFOLLOW)


def write_durably(descriptor: int, data: bytes, offset: int) -> int:
    """Write at ``offset`` and sync, in one call where the kernel can; the bytes written."""
    try:
        return os.pwritev(descriptor, [data], offset, os.RWF_DSYNC)
    except OSError as problem:
        if problem.errno not in {errno.EOPNOTSUPP, errno.ENOSYS}:
            raise
    written = os.pwrite(descriptor, data, offset)
    os.fdatasync(descriptor)
    return written


def write_begun(descriptor: int, data: bytes, offset: int) -> int:
    """Write at ``offset`` without sync; the disk begins with what is large. The bytes written.

    ``POSIX_FADV_DONTNEED`` starts writing and waits for nothing (Linux, ``mm/fadvise.c``); pages
    on their way are not dropped. It is advice: where it is not taken, a later sync does it all.
    """
    written = os.pwrite(descriptor, data, offset)
    if written >= LARGE:
        with suppress(OSError):
            os.posix_fadvise(descriptor, offset, written, os.POSIX_FADV_DONTNEED)
    return written


def make_private_folder(folder: Path) -> None:
    """Make ``folder`` and what is missing above it; a power loss takes none of the names."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in made:
        sync_directory(each.parent)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
