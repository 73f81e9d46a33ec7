"""The control group of one guest: what its whole tree may have of processes, memory and CPU.

Life of a group: absent → made (limits set, empty) → joined (by bubblewrap before it starts
anything: the whole tree is born inside, and sees no name of it) → removed at ``close``. A shell
that dies leaves empty groups, as its guests die with it; the next shell removes those whose maker's
pid and start time name no living process. Groups are made below the group this process is in, or
below the root of the hierarchy, with cgroup v1, v2 or both; where neither may be written, there is
no group, and ``make`` says so with None.

On v2 a group cannot hold both processes and limited children. Where this process's own group was
delegated to it, the processes there move into a leaf named ``os2-shell`` first.

Joining waits for the kernel's readers (5 to 15 ms where no group was joined just before), so
``process`` does it in a thread, and ``prime`` lets the wait begin earlier; that it succeeded is
left to ``layers_of``, which reads it from the kernel. A tree of busy guests weighs as much CPU as
one process; CPU time itself is limited by the supervisor.
"""

import errno
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

from os2shell.model.guest import Limits

CONTROLLERS = ("pids", "memory", "cpu")
NO_CGROUP = (
    "run the shell in a group of its own: systemd-run --user --scope -p Delegate=yes os2 …, "
    "or in a container with a writable /sys/fs/cgroup"
)
SPARE_PROCESSES = 10
"""bubblewrap's two, and some that let the supervisor see a guest beyond its limit."""
_PREFIX = "os2"
_LEAF = "os2-shell"
_REMOVE_SECONDS = 0.2
_LOOKS = 40
_LOOK_MOST_MS = 10
_serials = count(1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a group can be made: the folder of its parent, and what is limited there."""

    parent: Path
    version: int
    controllers: tuple[str, ...]


class Group:
    """One guest's group: a folder in each hierarchy. Made by ``make``, removed by ``close``."""

    def __init__(self, folders: dict[Path, Place]) -> None:
        """Own ``folders``, which exist."""
        self._folders = folders

    def join(self, pid: int) -> None:
        """Take ``pid`` in, and with it all it will start; ``layers_of`` tells what succeeded."""
        for folder in self._folders:
            with suppress(OSError):
                (folder / "cgroup.procs").write_text(str(pid))

    def layers_of(self, pid: int) -> tuple[str, ...]:
        """The layers that hold for ``pid``, as the kernel tells; OSError when ``pid`` is gone."""
        own = dict(_memberships(f"/proc/{pid}/cgroup"))
        found = [
            f"cgroup-{name}"
            for folder, place in self._folders.items()
            for name in place.controllers
            if own.get(name if place.version == 1 else "", "").rpartition("/")[2] == folder.name
        ]
        return tuple(found)

    def out_of_memory(self) -> bool:
        """Whether the kernel killed a process of the group because its memory was used up."""
        for folder, place in self._folders.items():
            if "memory" in place.controllers:
                name = "memory.events" if place.version > 1 else "memory.oom_control"
                with suppress(OSError):
                    rows = (line.split() for line in (folder / name).read_text().splitlines())
                    return any(row[0] == "oom_kill" and row[1] != "0" for row in rows)
        return False

    def kill(self) -> None:
        """Kill all that is in the group at once, where the kernel can (v2, Linux 5.14)."""
        for folder, place in self._folders.items():
            if place.version > 1:
                with suppress(OSError):
                    (folder / "cgroup.kill").write_text("1")

    def close(self) -> None:
        """Remove the group; its processes are dead. What the kernel still holds is swept later."""
        end = time.monotonic() + _REMOVE_SECONDS
        for folder in self._folders:
            while not _removed(folder) and time.monotonic() < end:
                time.sleep(0.001)


def make(limits: Limits) -> Group | None:
    """A new, empty group with ``limits``; None where this process may make none."""
    name = _name(os.getpid(), next(_serials))
    folders: dict[Path, Place] = {}
    for place in places():
        folder = place.parent / name
        try:
            folder.mkdir()
            folders[folder] = place
            for file, value in _settings(folder, place, limits):
                (folder / file).write_text(str(value))
        except OSError:
            # Without its limits the group is no layer; nothing has joined it yet.
            if folders.pop(folder, None):
                _removed(folder)
    return Group(folders) if folders else None


def prime() -> None:
    """Have the kernel begin to wait for its readers; a group joined within some 20 ms need not.

    This process joins the group it is in: nothing changes. Does not wait itself.
    """
    threading.Thread(target=_rejoin, daemon=True).start()


def _rejoin() -> None:
    if places():
        with suppress(OSError):
            (_own_groups()[0][0] / "cgroup.procs").write_text(str(os.getpid()))


def _settings(folder: Path, place: Place, limits: Limits) -> Iterator[tuple[str, int]]:
    """Files and values. What lies in /w and /tmp is memory too, limited by their own size."""
    memory = limits.memory_bytes + 2 * limits.workspace_bytes
    if "pids" in place.controllers:
        yield "pids.max", limits.processes + SPARE_PROCESSES
    if "memory" in place.controllers and place.version == 1:
        yield "memory.limit_in_bytes", memory
        if (folder / "memory.memsw.limit_in_bytes").exists():
            yield "memory.memsw.limit_in_bytes", memory
    elif "memory" in place.controllers:
        yield "memory.max", memory
        if (folder / "memory.swap.max").exists():
            yield "memory.swap.max", 0
    if "cpu" in place.controllers:
        yield ("cpu.shares", 1024) if place.version == 1 else ("cpu.weight", 100)


@cache
def places() -> tuple[Place, ...]:
    """Where groups can be made, found once; sweeps what dead shells left there."""
    found: list[Place] = []
    missing = set(CONTROLLERS)
    for own, mount, names in _own_groups():
        held = tuple(name for name in CONTROLLERS if name in missing and name in names)
        if names and not held:
            continue
        place = _first_version(own, held) if names else _second_version(mount, own, missing)
        if place is not None:
            found.append(place)
            missing -= set(place.controllers)
            _sweep(place.parent)
    return tuple(found)


def _first_version(own: Path, held: tuple[str, ...]) -> Place | None:
    return Place(own, 1, held) if os.access(own, os.W_OK | os.X_OK) else None


def _second_version(mount: Path, own: Path, wanted: set[str]) -> Place | None:
    """The own group when it is delegated, else the root; with the controllers it can give."""
    if own.name == _LEAF:
        own = own.parent
    for parent in dict.fromkeys((own, mount)):
        if not os.access(parent, os.W_OK | os.X_OK):
            continue
        given = set((parent / "cgroup.controllers").read_text().split()) & wanted
        with suppress(OSError):
            _hand_down(parent, given)
        handed = set((parent / "cgroup.subtree_control").read_text().split()) & given
        if handed:
            return Place(parent, 2, tuple(name for name in CONTROLLERS if name in handed))
    return None


def _hand_down(parent: Path, names: set[str]) -> None:
    """Let the children of ``parent`` be limited; moves the processes of a delegated group aside."""
    control = parent / "cgroup.subtree_control"
    names = names - set(control.read_text().split())
    if not names:
        return
    if (parent / "cgroup.type").exists():  # the machine's own root has none, and may hold both
        _move_aside(parent)
    control.write_text(" ".join(f"+{name}" for name in sorted(names)))


def _move_aside(parent: Path) -> None:
    """Leave no process in ``parent``; OSError where they are not ours to move, or do not end.

    Not left to EBUSY: ``pids`` and ``cpu`` alone are handed down beside processes, to children that
    nobody can join. Who forks between our look and its move leaves a child, and who is about to
    end can no longer be moved: we look again, and wait a little between.
    """
    status, leaf = parent.stat(), parent / _LEAF
    for look in range(_LOOKS):
        time.sleep(min(look, _LOOK_MOST_MS) / 1000)
        pids = (parent / "cgroup.procs").read_text().split()
        if not pids:
            return
        if status.st_uid != os.geteuid() or (os.geteuid() == 0 and not _is_root(parent)):
            break
        leaf.mkdir(exist_ok=True)
        for pid in pids:
            with suppress(ProcessLookupError):
                (leaf / "cgroup.procs").write_text(pid)
    raise OSError(errno.EBUSY, "processes stay", str(parent))


def _is_root(folder: Path) -> bool:
    """Whether ``folder`` is the root that this process sees."""
    return folder.is_mount()


def _own_groups() -> list[tuple[Path, Path, tuple[str, ...]]]:
    """The group this process is in, per hierarchy: (group, mount, v1's controllers); v2 last."""
    try:
        paths = dict(_memberships("/proc/self/cgroup"))
    except FileNotFoundError:  # a kernel without control groups
        return []
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        root, mount = before.split()[3:5]
        names = tuple(set(options.split(",")) & set(CONTROLLERS)) if kind == "cgroup" else ()
        if kind == "cgroup2" or names:
            inside = os.path.relpath(paths.get(names[0] if names else "", "/"), root)
            found.append((Path(mount) / inside, Path(mount), names))
    return sorted(found, key=lambda group: not group[2])


def _memberships(file: str) -> Iterator[tuple[str, str]]:
    """Which group a process is in: (controller, path); the controller of v2 is empty."""
    for line in Path(file).read_text().splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            yield name, path


def _name(pid: int, serial: int) -> str:
    return f"{_PREFIX}-{_pid_namespace()}-{pid}-{_start_time(pid)}-{serial}"


def _pid_namespace() -> int:
    return Path("/proc/self/ns/pid").stat().st_ino


def _start_time(pid: int) -> str:
    """When ``pid`` started, in clock ticks since boot; empty when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def _sweep(parent: Path) -> None:
    """Remove the groups whose maker is dead. Only those of this pid namespace can be judged.

    A shell that was killed while bubblewrap started leaves a process there that waits for ever: its
    parent died before it asked to die with it.
    """
    for folder in parent.glob(f"{_PREFIX}-{_pid_namespace()}-*-*-*"):
        pid, started = folder.name.split("-")[2:4]
        if pid.isdigit() and _start_time(int(pid)) != started and not _removed(folder):
            with suppress(OSError, ValueError):
                for left in (folder / "cgroup.procs").read_text().split():
                    os.kill(int(left), signal.SIGKILL)
            _removed(folder)


def _removed(folder: Path) -> bool:
    """Whether the group is gone; False while a process of it is."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
