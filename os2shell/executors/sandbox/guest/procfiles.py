"""Files of ``/proc`` that tell of the run itself: shown without what varies, or refused by name.

What tells of the machine is covered by files of the image already (``synthetic.py``); a process's
own folder cannot be covered, for its name is not known. With a net below Python C code is shown the
same (``below/procfiles.c``), and here is only told why a file is not.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import errno
import os
import posix

_FORMAT, _FOLDER = 0o170000, 0o040000
_PLAIN = frozenset("auxv cmdline comm coredump_filter environ limits mem personality".split())
_ENTRIES = frozenset("cwd exe fd fdinfo map_files ns root task".split())
"""What follows from what the guest did; whatever else a kernel tells of a process may vary."""
_COVERED = frozenset(
    "buddyinfo cgroups cmdline cpuinfo devices diskstats filesystems interrupts loadavg meminfo modules "
    "pagetypeinfo partitions schedstat slabinfo softirqs stat swaps uptime version vmstat zoneinfo".split()
)
"""Files of the image lie over these; whatever else a kernel has beside them tells of its machine."""
_OWN_SETTINGS = frozenset(
    "kernel/cap_last_cap kernel/domainname kernel/hostname kernel/ngroups_max kernel/osrelease kernel/ostype "
    "kernel/overflowgid kernel/overflowuid kernel/version".split()
)
_OWN_RANDOM = "kernel/random/"
_COUNTED = (7, 8, 9, 10, 11, 12, 13, 14, 19, 21, 36, 39, 40, 41)
"""Fields of ``stat`` after the name, 0 being the state (proc(5)): faults, times, memory, processor."""
_KEPT_STATUS = (
    "Name Umask State Tgid Ngid Pid PPid TracerPid Uid Gid FDSize Groups NStgid NSpid NSpgid NSsid Threads "
    "SigPnd ShdPnd SigBlk SigIgn SigCgt CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp"
)


def _of_machine(name: str, parts) -> bool:
    """Whether this file, of no process, is the machine's own: its hardware, its load, its administrator's settings."""
    if parts[2] == "sys":
        setting = name[len("/proc/sys/") :]
        return setting not in _OWN_SETTINGS and not setting.startswith(_OWN_RANDOM)
    return parts[2] not in _COVERED and parts[2] != "sysvipc"


def shown(path, real_open):
    """None where the kernel's own file may be seen, else what stands for it; raises on a refusal."""
    if isinstance(path, (str, bytes)) or hasattr(path, "__fspath__"):
        name = os.fsdecode(path)
    else:
        return None
    if not name.startswith("/proc/"):
        return None
    name = os.path.normpath(name)
    parts = name.split("/")
    is_process = parts[2] in ("self", "thread-self") or parts[2].isdigit()
    rest = parts[3:]
    if is_process and rest[:1] == ["task"]:
        rest = rest[2:]
    way = _way(rest) if is_process else None
    kept = way is not None or not rest or rest[0] in _ENTRIES or rest[0] in _PLAIN
    if is_process and not kept:
        raise PermissionError(
            errno.EACCES, "what varies from run to run is not shown in a sandbox", name
        )
    if not is_process and _of_machine(name, parts) and not _is_folder(name):
        raise PermissionError(
            errno.EACCES, "what varies from machine to machine is not shown in a sandbox", name
        )
    return None if way is None else os.fsencode(way(_read(name, real_open)))


def _way(rest):
    """How the file ``rest`` of a process is shown; None for as it is, or not."""
    if rest[:1] == ["fdinfo"] and len(rest) > 1:
        return _descriptor
    return _SHOWN.get(rest[0]) if len(rest) == 1 else None


def _is_folder(name: str) -> bool:
    try:
        return (posix.stat(name).st_mode & _FORMAT) == _FOLDER
    except OSError:
        return False


def _read(name: str, real_open) -> str:
    number = real_open(name, os.O_RDONLY | os.O_CLOEXEC)
    parts = []
    try:
        while part := os.read(number, 1 << 16):
            parts.append(part)
    finally:
        os.close(number)
    return os.fsdecode(b"".join(parts))


def _stat(text: str) -> str:
    head, _, rest = text.rpartition(")")
    fields = rest.split()
    for field in _COUNTED:
        if field < len(fields):
            fields[field] = "0"
    return f"{head}) {' '.join(fields)}\n"


def _status(text: str) -> str:
    kept = frozenset(_KEPT_STATUS.split())
    return "".join(line + "\n" for line in text.splitlines() if line.partition(":")[0] in kept)


def _descriptor(text: str) -> str:
    kept = ("pos", "flags", "Pid", "NSpid", "eventfd-count")
    return "".join(line + "\n" for line in text.splitlines() if line.partition(":")[0] in kept)


def _maps(text: str) -> str:
    """Without the device and the inode that a file of the image has on this machine."""
    rows = [line.split(None, 5) for line in text.splitlines()]
    kept = [" ".join([*row[:3], "00:00", "0", *row[5:]]) for row in rows]
    return "".join(row + "\n" for row in kept)


_SHOWN = {"maps": _maps, "stat": _stat, "status": _status}
