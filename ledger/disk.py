"""What every room that writes files needs to know of disks."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says when there is no space, no quota, or a limit on the file's size."""

_FOLDER: Final = os.O_DIRECTORY | os.O_CLOEXEC
LARGE: Final = 64 * 1024
"""Bytes from which it pays to let the disk begin before somebody waits for it."""


class Folder:
    """A directory, and names beneath it (``openat`` and its relatives in POSIX).

    Between two calls a path can come to lead elsewhere: a folder is moved, and a restored copy or
    another log takes its place. An open folder is the one that was opened, whatever its path does:
    what is made in it is renamed and synced in it. One that is not open, or no more, goes by its
    path. All methods raise ``OSError``.
    """

    __slots__ = ("_only_names", "descriptor", "path")

    def __init__(
        self, path: Path, descriptor: int | None = None, *, only_names: bool = False
    ) -> None:
        """Name a directory without looking at it; ``opened`` and ``folder`` open one."""
        self.path = path
        self.descriptor = descriptor
        self._only_names = only_names

    @classmethod
    def opened(cls, path: Path, *, only_names: bool = False) -> Self:
        """The directory ``path``, open; with ``only_names`` no right to list it is needed."""
        access = os.O_PATH if only_names else os.O_RDONLY
        return cls(path, os.open(path, _FOLDER | access), only_names=only_names)

    def folder(self, name: str) -> Self:
        """The directory ``name`` beneath this one, open."""
        return type(self)(self.path / name, self.file(name, _FOLDER | os.O_RDONLY))

    def __enter__(self) -> Self:
        """Use as a context manager: closes at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Let go of the descriptor; idempotent."""
        if self.descriptor is not None:
            descriptor, self.descriptor = self.descriptor, None
            os.close(descriptor)

    def at(self, name: str) -> tuple[str, int | None]:
        """What names ``name`` to a system call, and the descriptor beneath which it is looked up.

        Both at once: whoever closes meanwhile must not make it a name beneath the working folder.
        """
        descriptor = self.descriptor
        return (f"{self.path}/{name}" if descriptor is None else name), descriptor

    def file(self, name: str, flags: int, mode: int = 0o644) -> int:
        """A descriptor of the file ``name``."""
        place, within = self.at(name)
        return os.open(place, flags, mode, dir_fd=within)

    def plain_file(self, name: str, flags: int) -> int:
        """As ``file``; refused where something else lies under that name."""
        descriptor = self.file(name, flags)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        raise OSError(errno.EINVAL, "something that is no file")

    def state(self, name: str) -> os.stat_result:
        """What the system says of ``name`` itself, also where it is a link."""
        place, within = self.at(name)
        return os.stat(place, dir_fd=within, follow_symlinks=False)

    def target(self, name: str) -> os.stat_result:
        """What the system says of that to which ``name`` leads."""
        place, within = self.at(name)
        return os.stat(place, dir_fd=within)

    def has(self, name: str) -> bool:
        """Whether ``name`` leads to something."""
        place, within = self.at(name)
        return os.access(place, os.F_OK, dir_fd=within)

    def has_folder(self, name: str) -> bool:
        """Whether ``name`` leads to a directory."""
        try:
            return stat.S_ISDIR(self.target(name).st_mode)
        except OSError:
            return False

    def names(self, name: str = ".") -> list[str]:
        """The names in the directory ``name``, in no order."""
        descriptor = self.file(name, _FOLDER | os.O_RDONLY)
        try:
            return os.listdir(descriptor)  # noqa: PTH208 - no Path goes by a descriptor
        finally:
            os.close(descriptor)

    def make(self, name: str, mode: int = 0o777) -> bool:
        """Make the directory ``name``; False when there is one."""
        place, within = self.at(name)
        try:
            os.mkdir(place, mode, dir_fd=within)
        except FileExistsError:
            if not self.has_folder(name):
                raise
            return False
        return True

    def make_all(self, name: str) -> None:
        """Make the directory ``name`` and what is missing above it."""
        try:
            self.make(name)
        except FileNotFoundError:
            above, _, _ = name.rpartition("/")
            if not above:
                raise
            self.make_all(above)
            self.make(name)

    def rename(self, name: str, new: str, into: "Folder | None" = None) -> None:
        """Give ``name`` the name ``new``, in this directory or ``into`` another."""
        place, within = self.at(name)
        target, beneath = (self if into is None else into).at(new)
        os.rename(place, target, src_dir_fd=within, dst_dir_fd=beneath)

    def link(self, name: str, new: str) -> None:
        """Give the file ``name`` another name, unless there is one of that name."""
        place, within = self.at(name)
        target, beneath = self.at(new)
        os.link(place, target, src_dir_fd=within, dst_dir_fd=beneath)

    def remove(self, name: str) -> None:
        """Take the name from a file."""
        place, within = self.at(name)
        os.unlink(place, dir_fd=within)

    def remove_folder(self, name: str) -> None:
        """Remove the empty directory ``name``."""
        place, within = self.at(name)
        os.rmdir(place, dir_fd=within)

    def set_mode(self, name: str, mode: int) -> None:
        """Change the mode of the file ``name``."""
        place, within = self.at(name)
        os.chmod(place, mode, dir_fd=within)

    def sync(self) -> None:
        """Make the names in this directory durable."""
        place, within = self.at(".")
        if within is None or self._only_names:
            _sync(place, os.O_DIRECTORY, within)
        else:
            os.fsync(within)

    def sync_above(self) -> None:
        """Make the name of this directory durable."""
        place, within = self.at("..")
        _sync(place, os.O_DIRECTORY, within)


def sync_directory(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    _sync(folder, os.O_DIRECTORY)


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


def sync_within(folder: Folder) -> None:
    """Make all that lies in ``folder`` durable, at any depth, and its names."""
    for name in sorted(folder.names()):
        if stat.S_ISDIR(folder.state(name).st_mode):
            with folder.folder(name) as inner:
                sync_within(inner)
        else:
            descriptor = folder.file(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    folder.sync()


def _sync(path: Path | str, flags: int, within: int | None = None) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags, dir_fd=within)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
