"""Files of ``/proc`` that tell of the run itself: shown without what varies, or refused by name.

What tells of the machine is covered by files of the image already (``synthetic.py``); a process's
own folder cannot be covered, for its name is not known. C code reads what the kernel wrote.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import errno
import os
import posix

_FORMAT, _FOLDER = 0o170000, 0o040000
_VARIABLE = frozenset(
    "cgroup io latency mountinfo mounts mountstats numa_maps pagemap personality sched schedstat smaps "
    "smaps_rollup stack statm syscall timers wchan oom_score ksm_stat".split()
)
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
    last = parts[-1]
    is_process = parts[2] in ("self", "thread-self") or parts[2].isdigit()
    own = is_process and len(parts) > 3
    if own and (last in _VARIABLE or parts[3] == "net"):
        raise PermissionError(
            errno.EACCES, "what varies from run to run is not shown in a sandbox", name
        )
    if not is_process and _of_machine(name, parts) and not _is_folder(name):
        raise PermissionError(
            errno.EACCES, "what varies from machine to machine is not shown in a sandbox", name
        )
    if own and last in _SHOWN:
        return os.fsencode(_SHOWN[last](_read(name, real_open)))
    return None


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


def _maps(text: str) -> str:
    """Without the device and the inode that a file of the image has on this machine."""
    rows = [line.split(None, 5) for line in text.splitlines()]
    kept = [" ".join([*row[:3], "00:00", "0", *row[5:]]) for row in rows]
    return "".join(row + "\n" for row in kept)


_SHOWN = {"maps": _maps, "stat": _stat, "status": _status}
