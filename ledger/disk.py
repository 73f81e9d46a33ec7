"""What every room that writes files needs to know of disks."""

import errno
import os
from pathlib import Path
from typing import Final

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says when there is no space, no quota, or a limit on the file's size."""


def sync_directory(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    _sync(folder, os.O_DIRECTORY)


def sync_file(path: Path) -> None:
    """Make the content of ``path`` durable."""
    _sync(path, os.O_NOFOLLOW)


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
