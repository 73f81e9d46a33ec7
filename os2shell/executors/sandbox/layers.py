"""Which layers of isolation a started guest really has, as the kernel tells it beforehand.

Read from outside, out of ``/proc`` of the guest's own process, before any guest code runs: what a
guest says of itself is not believed. The kernel's limits are set by the boot, with hard ones that
cannot be raised again. Two things the kernel tells nobody outside: ``personality``, of which the
boot passes the kernel's own words on, and Landlock, which the boot takes on and proves by an
attempt that must fail. So it does with the traps of the net below Python: it tries both, and that
there is a filter more than the sandbox's is read here. The boot is ours and lies in the image; no
guest code has run by then.
"""

import os
import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from os2shell.executors.sandbox.cgroup import NO_CGROUP, Group
from os2shell.executors.sandbox.errors import SandboxUnavailable
from os2shell.executors.sandbox.native import LAYER, NET, NO_COMPILER, NO_TRAPS, TRAPS
from os2shell.executors.sandbox.seccomp import NO_LIBSECCOMP
from os2shell.model.guest import Limits

_NAMESPACES = {
    "user-namespace": "user",
    "mount-namespace": "mnt",
    "pid-namespace": "pid",
    "network-namespace": "net",
    "ipc-namespace": "ipc",
    "uts-namespace": "uts",
    "cgroup-namespace": "cgroup",
}
REQUIRED = (
    *(name for name in _NAMESPACES if name != "cgroup-namespace"),
    "no-new-privileges",
    "capabilities-dropped",
    "not-root",
    "aslr-off",
    "rlimits",
)
"""What is asked of every sandbox; a manifest may require more, never less."""

_REMEDIES = {
    "seccomp": f"{NO_LIBSECCOMP}; and a kernel with CONFIG_SECCOMP_FILTER",
    "landlock": "Linux 5.13 or newer with landlock in lsm=, and an interpreter with ctypes",
    "landlock-network": "Linux 6.7 or newer",
    "landlock-scopes": "Linux 6.12 or newer",
    "cgroup-pids": NO_CGROUP,
    "cgroup-memory": NO_CGROUP,
    "cgroup-cpu": NO_CGROUP,
    LAYER: NO_COMPILER,
    TRAPS: NO_TRAPS,
    "cgroup-namespace": "a kernel with CONFIG_CGROUPS",
}

_LANDLOCK_LAYERS = (("landlock", 1), ("landlock-network", 4), ("landlock-scopes", 6))
"""Each with the first ABI version that gives it: files; TCP; abstract sockets and signals."""

_ADDR_NO_RANDOMIZE = 0x0040000
_FILTERED = "2"
_SECOND_NS = 1_000_000_000
STACK_BYTES = 8 << 20
"""The kernel lays out memory by this limit: the same for every guest, and for all it starts."""
_STACK_MOST = 64 << 20
"""Up to 128 MiB the layout stays; the net's filter knows its places by address."""
_SPARE = {resource.RLIMIT_CPU: 1, resource.RLIMIT_STACK: _STACK_MOST - STACK_BYTES}
"""What a guest may raise its own limit by."""
_OPEN_FILES = 1024
_PENDING_SIGNALS = 1024
"""A kernel derives its own from its machine's memory."""
_CORE_BYTES = 1
"""No core is so small, and by this very number the kernel starts no handler of cores (core(5))."""
_OWN_PROCESSES = 2
"""bubblewrap's own, which the kernel counts with the guest's."""
_NAME_WIDTH = 26
_KERNEL_NAMES = {
    resource.RLIMIT_AS: "Max address space",
    resource.RLIMIT_CPU: "Max cpu time",
    resource.RLIMIT_NOFILE: "Max open files",
    resource.RLIMIT_NPROC: "Max processes",
    resource.RLIMIT_CORE: "Max core file size",
    resource.RLIMIT_FSIZE: "Max file size",
    resource.RLIMIT_MEMLOCK: "Max locked memory",
    resource.RLIMIT_MSGQUEUE: "Max msgqueue size",
    resource.RLIMIT_STACK: "Max stack size",
    resource.RLIMIT_SIGPENDING: "Max pending signals",
    resource.RLIMIT_NICE: "Max nice priority",
    resource.RLIMIT_RTPRIO: "Max realtime priority",
}
"""Names and width of the first column of ``/proc/PID/limits`` (proc(5))."""
_SPARE_PROCESSES = 8
"""Above the limit, so that the supervisor sees a guest that exceeds it; the kernel stops more."""


def remedy_for(missing: Iterable[str]) -> str:
    """What gives a machine the layers it lacks; never empty."""
    known = [_REMEDIES[name] for name in missing if name in _REMEDIES]
    return "; ".join(dict.fromkeys(known)) or "`os2 doctor` tells what the machine gives"


@dataclass(frozen=True, slots=True)
class Told:
    """What the boot tells before it knows its job.

    ``personality`` is that of personality(2), ``landlock`` the ABI version or 0, ``traps`` whether
    both traps of the net below Python were tried and hold.
    """

    personality: int
    landlock: int
    traps: bool = False


def verified(pid: int, limits: Limits, told: Told, group: Group | None) -> tuple[str, ...]:
    """The names of the layers that hold for ``pid``; raises when a required one does not."""
    try:
        found = [name for name, link in _NAMESPACES.items() if _separate(pid, link)]
        found += _credentials(pid, traps=told.traps)
        found += [name for name, version in _LANDLOCK_LAYERS if told.landlock >= version]
        if told.personality & _ADDR_NO_RANDOMIZE:
            found.append("aslr-off")
        if _limited(pid, limits):
            found.append("rlimits")
        if group is not None:
            found += group.layers_of(pid)
        if f"/{NET}\n" in Path(f"/proc/{pid}/maps").read_text():
            found.append(LAYER)
        elif TRAPS in found:
            found.remove(TRAPS)
    except OSError as error:
        raise SandboxUnavailable(
            f"the guest's isolation cannot be read ({error.strerror}: {error.filename})",
            expected="/proc of our own children",
            remedy="mount /proc without hidepid",
        ) from error
    missing = [name for name in REQUIRED if name not in found]
    if missing:
        raise SandboxUnavailable(
            f"started without {', '.join(missing)}",
            expected="every layer that was asked for",
            remedy="`os2 doctor` tells what the machine gives",
        )
    return (
        *found,
        "userns-disabled",
    )  # asserted by bubblewrap itself, which would not have started


def _separate(pid: int, link: str) -> bool:
    """Whether the guest's namespace is another than ours."""
    return os.readlink(f"/proc/{pid}/ns/{link}") != os.readlink(f"/proc/self/ns/{link}")  # noqa: PTH115 - every start waits for seven of these


def _credentials(pid: int, *, traps: bool) -> list[str]:
    status = _status(str(pid))
    found = []
    if status["NoNewPrivs"] == "1":
        found.append("no-new-privileges")
    sets = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    if all(int(status[name], 16) == 0 for name in sets):
        found.append("capabilities-dropped")
    if "0" not in status["Uid"].split() and "0" not in status["Gid"].split():
        found.append("not-root")
    return found + _filtering(status, traps=traps)


def _filtering(status: dict[str, str], *, traps: bool) -> list[str]:
    """The sandbox's filter and the net's, each by its count: neither stands in for the other."""
    if traps and "Seccomp_filters" not in status and status.get("Seccomp") == _FILTERED:
        return [TRAPS]  # before Linux 5.9 nobody is told whose filter it is
    more = _filters(status) - _own_filters()
    found = ["seccomp"] if more == 1 + traps else []
    return found + [TRAPS] * (traps and more >= 1)


def _status(pid: str) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def _filters(status: dict[str, str]) -> int:
    """How many filters of system calls hold; before Linux 5.9 told as none or one."""
    if status.get("Seccomp") != _FILTERED:
        return 0
    return int(status.get("Seccomp_filters", "1"))


@cache
def _own_filters() -> int:
    """Those that this process was started with, as in a container; every guest has them too."""
    return _filters(_status("self"))


def wanted_limits(limits: Limits) -> tuple[tuple[int, int, int], ...]:
    """The kernel's limits for the guest and all it starts: (kind, soft, hard)."""
    wanted = {
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_CPU: max(1, -(-limits.cpu_ns // _SECOND_NS)),
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_NPROC: limits.processes + _OWN_PROCESSES + _SPARE_PROCESSES,
        resource.RLIMIT_FSIZE: limits.workspace_bytes,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_STACK: STACK_BYTES,
        resource.RLIMIT_SIGPENDING: _PENDING_SIGNALS,
        resource.RLIMIT_NICE: 0,
        resource.RLIMIT_RTPRIO: 0,
    }
    rows = [(resource.RLIMIT_CORE, _core_limit(), resource.getrlimit(resource.RLIMIT_CORE)[1])]
    for kind, value in wanted.items():
        hard = resource.getrlimit(kind)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # A second of hard CPU time more: the soft limit's SIGXCPU names the cause.
        spare = _SPARE.get(kind, 0) if bound == value else 0
        if hard != resource.RLIM_INFINITY:
            spare = min(spare, hard - bound)
        rows.append((kind, bound, bound + spare))
    return tuple(rows)


@contextmanager
def without_cores() -> Iterator[None]:
    """Children started inside have the limit of cores that the filter of system calls fixes.

    It is this whole process's for that moment: hold a lock around it.
    """
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (_core_limit(), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


def _core_limit() -> int:
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    return _CORE_BYTES if hard == resource.RLIM_INFINITY else min(_CORE_BYTES, hard)


def limits_message(limits: Limits) -> bytes:
    """What the boot applies before it says hello: numbers, three to a limit."""
    return " ".join(str(number) for row in wanted_limits(limits) for number in row).encode()


def _shown(number: int) -> str:
    return "unlimited" if number == resource.RLIM_INFINITY else str(number)


def _limited(pid: int, limits: Limits) -> bool:
    """Whether the kernel holds the guest to every limit."""
    held: dict[str, tuple[str, str]] = {}
    for line in Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]:
        words = line[_NAME_WIDTH:].split()
        held[line[:_NAME_WIDTH].strip()] = (words[0], words[1])
    return all(
        held[_KERNEL_NAMES[kind]] == tuple(map(_shown, (soft, hard)))
        for kind, soft, hard in wanted_limits(limits)
    )
