"""What the guest may see of the machine: the same everywhere.

Folders list in order. Times the kernel wrote during the run show as the job's first instant; times
that somebody set are shown as set. Device numbers are renumbered as they appear; so are the
inodes of what is not on the guest's own file systems, which number theirs by order of creation.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined,misc,assignment"

import os
import posix

from .clock import named
from .net import NET

CPUS = 2
MEMORY_PAGES = 1 << 20
_UNAME = ("Linux", "os2", "6.1.0-os2", "#1 SMP os2")
_OWN_FOLDERS = ("/w", "/tmp")
_MADE_AT_START = ("/dev", "/proc", "/tmp", "/w")
_IMAGE_BLOCKS = 1 << 20
_DATED = (0o040000, 0o100000, 0o120000)
"""Folders, files and links; devices are as old as the machine is up."""
_OWN_FILES = 1 << 20


class Files:
    """How files show: numbers given so far, and the instant that kernel times are replaced by."""

    def __init__(self, start_ns: int) -> None:
        self.start_ns = start_ns
        self.real_start_ns = min(os.stat(folder).st_ctime_ns for folder in _MADE_AT_START)
        self.own = {os.stat(folder).st_dev for folder in _OWN_FOLDERS}
        self.devices: dict = {}
        self.inodes: dict = {}
        for folder in _OWN_FOLDERS:
            self.devices.setdefault(os.stat(folder).st_dev, 64 + len(self.devices))
        self.own_shown = {self.devices[number] for number in self.own}

    def shown(self, real):
        """``real`` as the guest sees it."""
        if real.st_dev in self.own:
            owner = (real.st_uid, real.st_gid)
        else:
            owner = (0, 0)  # the image's: whoever's cache it lies in
        device = self.devices.setdefault(real.st_dev, 64 + len(self.devices))
        inode, size, blocks, links = real.st_ino, real.st_size, real.st_blocks, real.st_nlink
        if real.st_dev not in self.own:
            inode = self.inodes.setdefault((real.st_dev, inode), 1000 + len(self.inodes))
            if (real.st_mode & 0o170000) == 0o040000:
                size, links = 4096, 2
            blocks = -(-size // 4096) * 8
        nanos = [
            self.start_ns if real.st_dev not in self.own or ns >= self.real_start_ns else ns
            for ns in (real.st_atime_ns, real.st_mtime_ns)
        ]
        if real.st_dev not in self.own:
            kept = (real.st_mode & 0o170000) in _DATED and real.st_mtime_ns < self.real_start_ns
            nanos[1] = real.st_mtime_ns if kept else nanos[1]
        nanos.append(self.start_ns)
        seconds = [ns // 1_000_000_000 for ns in nanos]
        return os.stat_result(
            (
                real.st_mode, inode, device, links, *owner, size,
                *seconds, *(ns / 1e9 for ns in nanos), *nanos, 4096, blocks, real.st_rdev,
            )
        )  # fmt: skip


class HeldFiles(Files):
    """With a net below Python: it answers so already, and a second time would number anew."""

    def __init__(self) -> None:
        self.own_shown = {os.stat(folder).st_dev for folder in _OWN_FOLDERS}

    def shown(self, real):
        """``real``, which is what the guest sees."""
        return real


class DirEntry:
    """One entry of ``os.scandir``, with times and numbers as ``Files`` shows them."""

    __slots__ = ("_entry", "_files", "name", "path")

    def __init__(self, entry, files: Files) -> None:
        self._entry = entry
        self._files = files
        self.name = entry.name
        self.path = entry.path

    def is_dir(self, *, follow_symlinks=True):
        """As os.DirEntry."""
        return self._entry.is_dir(follow_symlinks=follow_symlinks)

    def is_file(self, *, follow_symlinks=True):
        """As os.DirEntry."""
        return self._entry.is_file(follow_symlinks=follow_symlinks)

    def is_symlink(self):
        """As os.DirEntry."""
        return self._entry.is_symlink()

    def is_junction(self):
        """Never: there are none here."""
        return False

    def stat(self, *, follow_symlinks=True):
        """As os.DirEntry, with what ``Files`` shows."""
        return self._files.shown(self._entry.stat(follow_symlinks=follow_symlinks))

    def inode(self):
        """The number that ``stat`` shows."""
        return self.stat(follow_symlinks=False).st_ino

    def __fspath__(self):
        return self.path

    def __repr__(self):
        return f"<DirEntry {self.name!r}>"

    def __class_getitem__(cls, item):
        return cls


class Scan:
    """What ``os.scandir`` gives: the entries in order."""

    def __init__(self, entries) -> None:
        self._entries = iter(entries)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._entries)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Give no more."""
        self._entries = iter(())


def install(start_ns: int) -> None:
    """Put all of it behind ``os``."""
    files = HeldFiles() if NET.present else Files(start_ns)
    _install_folders(files)
    _install_imports(files)
    _install_links(files)
    _install_stat(files)
    _install_space(files)
    _install_machine()


def _install_imports(files: Files) -> None:
    """Importers keep what a folder held for as long as its time stands still; here it never does.

    They get a copy of ``posix`` whose ``stat`` shows folders the guest can write as just changed.
    """
    import _frozen_importlib_external as importers

    real_stat = os.stat
    asked = 0

    def stat(path):
        nonlocal asked
        found = files.shown(real_stat(path))
        if (found.st_mode & 0o170000) != 0o040000 or found.st_dev not in files.own_shown:
            return found
        asked += 1
        return _Folder(found, found.st_mtime + asked)

    copy = type(os)("posix")
    copy.__dict__.update(posix.__dict__)
    copy.stat = named(stat, "posix", "stat")
    importers._os = copy


class _Folder:
    """What importers look at: mode and time."""

    def __init__(self, found, time: float) -> None:
        self.st_mode = found.st_mode
        self.st_mtime = time
        self.st_size = found.st_size


def _install_links(files: Files) -> None:
    """Links to pipes, sockets and namespaces carry the kernel's own numbers.

    Looked at with the kernel's ``stat``: a number shown already must not be numbered again.
    """
    real_readlink, real_stat = os.readlink, os.stat

    def readlink(path, *, dir_fd=None):
        found = real_readlink(path, dir_fd=dir_fd)
        text = os.fsdecode(found)
        if text[-1:] != "]" or ":[" not in text or text.startswith("/"):
            return found
        number = files.shown(real_stat(path, dir_fd=dir_fd)).st_ino
        text = f"{text.partition('[')[0]}[{number}]"
        return text if isinstance(found, str) else os.fsencode(text)

    for module in (os, posix):
        module.readlink = named(readlink, "posix", "readlink")
    os.supports_dir_fd.add(readlink)


def _install_space(files: Files) -> None:
    """Free space: the guest's own as its limits have it; of the image a number that means nothing."""
    real_statvfs, real_fstatvfs = os.statvfs, os.fstatvfs
    real_stat = posix.stat  # told apart by device numbers as ``Files`` shows them

    def shown(real, device):
        if device in files.own_shown:
            count = real.f_files - real.f_ffree
            blocks, free, kept = real.f_blocks, real.f_bfree, _OWN_FILES - count
        else:
            blocks, free, kept = _IMAGE_BLOCKS, 0, 0
        numbers = (4096, 4096, blocks, free, free, _OWN_FILES, kept, kept, real.f_flag, 255)
        return os.statvfs_result((*numbers, device))

    def statvfs(path):
        return shown(real_statvfs(path), real_stat(path).st_dev)

    def fstatvfs(fd, /):
        return shown(real_fstatvfs(fd), posix.fstat(fd).st_dev)

    for function in (statvfs, fstatvfs):
        setattr(os, function.__name__, named(function, "posix", function.__name__))
        setattr(posix, function.__name__, function)


def _install_folders(files: Files) -> None:
    real_listdir, real_scandir = os.listdir, os.scandir

    def listdir(path=None):
        return sorted(real_listdir(path))

    def scandir(path=None):
        with real_scandir(path) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        return Scan([DirEntry(entry, files) for entry in entries])

    DirEntry.__module__ = "posix"
    os.DirEntry = DirEntry
    for module in (os, posix):
        module.listdir = named(listdir, "posix", "listdir")
        module.scandir = named(scandir, "posix", "scandir")


def _install_stat(files: Files) -> None:
    real_stat, real_lstat, real_fstat = os.stat, os.lstat, os.fstat
    shown = files.shown

    def stat(path, *, dir_fd=None, follow_symlinks=True):
        return shown(real_stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks))

    def lstat(path, *, dir_fd=None):
        return shown(real_lstat(path, dir_fd=dir_fd))

    def fstat(fd):
        return shown(real_fstat(fd))

    if NET.present:
        stat = real_stat
    else:
        for function, name in ((stat, "stat"), (lstat, "lstat"), (fstat, "fstat")):
            setattr(os, name, named(function, "posix", name))
            setattr(posix, name, function)
    # Sets of functions that tell what the platform can do; ours can what theirs can.
    for able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
        able.update({stat} if real_stat in able else ())
        able.update({os.listdir} if able is os.supports_fd else ())
        able.update({os.scandir} if able is os.supports_fd else ())
    os.supports_dir_fd.add(os.open)


def _install_machine() -> None:
    machine = os.uname().machine
    real_sysconf = os.sysconf
    fixed = {
        "SC_NPROCESSORS_ONLN": CPUS, "SC_NPROCESSORS_CONF": CPUS,
        "SC_PHYS_PAGES": MEMORY_PAGES, "SC_AVPHYS_PAGES": MEMORY_PAGES,
    }  # fmt: skip
    fixed |= {os.sysconf_names[name]: value for name, value in fixed.items()}

    def sysconf(name, /):
        return fixed[name] if name in fixed else real_sysconf(name)

    def uname():
        return os.uname_result((*_UNAME, machine))

    def cpu_count():
        return CPUS

    def sched_getaffinity(pid, /):
        return set(range(CPUS))

    def getloadavg():
        return (0.0, 0.0, 0.0)

    for function in (sysconf, uname, cpu_count, sched_getaffinity, getloadavg):
        setattr(os, function.__name__, named(function, "posix", function.__name__))
        setattr(posix, function.__name__, function)
    if hasattr(os, "process_cpu_count"):
        os.process_cpu_count = cpu_count
