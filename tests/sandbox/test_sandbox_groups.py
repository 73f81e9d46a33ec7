"""Control groups of version 2, by the kernel's own files: delegated to a user, and the root of a container.

Made with whichever controllers version 2 has on this machine, for what is tried is how groups are made and
joined; that limits bind is tried where ``pids`` and ``memory`` are.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from os2shell.executors.sandbox.bubblewrap import NOBODY

MOUNT = next(
    (Path(line.split()[1]) for line in Path("/proc/mounts").read_text().splitlines() if " cgroup2 " in line),
    Path("/nowhere"),
)  # fmt: skip
CONTROLLERS = (MOUNT / "cgroup.controllers").read_text().split() if MOUNT.exists() else []
DELEGATED = ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads")
PROGRAM = """
import os, sys, time
from os2shell.executors.sandbox import cgroup
from os2shell.model.guest import Limits
cgroup.CONTROLLERS = (sys.argv[1],)
os.setgroups([])
os.setresgid(*[int(sys.argv[2])] * 3)
os.setresuid(*[int(sys.argv[2])] * 3)
cgroup._settings = lambda *_: ()
group = cgroup.make(Limits(*[1] * 7))
child = os.fork()
if child == 0:
    time.sleep(60)
group.join(child)
def mine(pid): return open(f"/proc/{pid}/cgroup").read().split("0::")[1].strip()
name = mine(child).rpartition("/")[2]
print(*group.layers_of(child), mine("self"), name.startswith("os2-"))
group.kill()
print(os.waitpid(child, 0)[1])
group.close()
print(sorted(name for name in os.listdir(cgroup.places()[0].parent) if name.startswith("os2-4")))
"""

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not CONTROLLERS or not os.access(MOUNT, os.W_OK),
    reason="no root, or no control groups of version 2 with a controller",
)


@pytest.fixture
def group() -> Iterator[Path]:
    control = MOUNT / "cgroup.subtree_control"
    was = control.read_text().split()
    control.write_text(f"+{CONTROLLERS[0]}")
    folder = MOUNT / f"os2test-{os.getpid()}"
    folder.mkdir()
    yield folder
    for below in sorted(folder.rglob("*/"), reverse=True):
        if below.is_dir():
            below.rmdir()
    folder.rmdir()
    if CONTROLLERS[0] not in was:
        control.write_text(f"-{CONTROLLERS[0]}")


def told(words: list[str], group: Path) -> list[str]:
    def join() -> None:
        (group / "cgroup.procs").write_text(str(os.getpid()))

    ran = subprocess.run(words, preexec_fn=join, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_a_delegated_group_gives_its_user_groups_below_it(group: Path) -> None:
    for path in (group, *(group / name for name in DELEGATED)):
        os.chown(path, NOBODY, NOBODY)
    words = [sys.executable, "-c", PROGRAM, CONTROLLERS[0], str(NOBODY)]
    expected = [f"cgroup-{CONTROLLERS[0]} /{group.name}/os2-shell True", "9", "[]"]
    assert told(words, group) == expected
    assert told(words, group / "os2-shell") == expected, "a second command of that user's shell"


def test_a_container_s_root_moves_its_processes_aside(group: Path) -> None:
    inside = f'umount "{MOUNT}" && mount -t cgroup2 cgroup2 "{MOUNT}" && exec "$@"'
    words = ["unshare", "-C", "-m", "sh", "-c", inside, "sh"]
    words += [sys.executable, "-c", PROGRAM, CONTROLLERS[0], "0"]
    assert told(words, group) == [f"cgroup-{CONTROLLERS[0]} /os2-shell True", "9", "[]"]
