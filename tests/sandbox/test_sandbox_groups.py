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

from os2shell.executors.sandbox import Image, cgroup
from os2shell.executors.sandbox.bubblewrap import NOBODY

MOUNT = next(
    (Path(line.split()[1]) for line in Path("/proc/mounts").read_text().splitlines() if " cgroup2 " in line),
    Path("/nowhere"),
)  # fmt: skip
CONTROLLERS = (MOUNT / "cgroup.controllers").read_text().split() if MOUNT.exists() else []
NAMES = [name for name in CONTROLLERS if name in cgroup.CONTROLLERS] or CONTROLLERS[:1] or ["none"]
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
STARTING = """
import os, sys
from pathlib import Path
from os2shell.executors.sandbox import Sandbox, load_image
from os2shell.model.guest import Limits
image = load_image(Path(sys.argv[1]))
os.setgroups([])
os.setresgid(*[int(sys.argv[2])] * 3)
os.setresuid(*[int(sys.argv[2])] * 3)
with Sandbox.start(image, Limits(10**11, 10**11, 1 << 29, 1 << 22, 1 << 25, 2000, 32)) as sandbox:
    print(*sorted(name for name in sandbox.layers if name in ("cgroup-pids", "cgroup-memory", "cgroup-cpu")))
"""
FORKING = """
import os, sys, time
from os2shell.executors.sandbox import cgroup
cgroup.CONTROLLERS = (sys.argv[1],)
os.setgroups([])
os.setresgid(*[int(sys.argv[2])] * 3)
os.setresuid(*[int(sys.argv[2])] * 3)
told, tell = os.pipe()
for _ in range(3):
    if os.fork() == 0:
        os.close(tell)
        os.set_blocking(told, False)
        while True:
            try:
                if not os.read(told, 1): os._exit(0)
            except BlockingIOError: pass
            if os.fork() == 0:
                time.sleep(0.005)
                os._exit(0)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]: pass
            except ChildProcessError: pass
time.sleep(0.2)
print(len(cgroup.places()), flush=True)
os.close(tell)
while True:
    try: os.wait()
    except ChildProcessError: break
time.sleep(0.1)
"""

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not CONTROLLERS or not os.access(MOUNT, os.W_OK),
    reason="no root, or no control groups of version 2 with a controller",
)

each = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def group() -> Iterator[Path]:
    control = MOUNT / "cgroup.subtree_control"
    was = control.read_text().split()
    control.write_text(" ".join(f"+{name}" for name in NAMES))
    folder = MOUNT / f"os2test-{os.getpid()}"
    folder.mkdir()
    yield folder
    for below in sorted(folder.rglob("*/"), reverse=True):
        if below.is_dir():
            below.rmdir()
    folder.rmdir()
    control.write_text(" ".join(f"-{name}" for name in NAMES if name not in was))


def told(words: list[str], group: Path) -> list[str]:
    def join() -> None:
        (group / "cgroup.procs").write_text(str(os.getpid()))

    ran = subprocess.run(words, preexec_fn=join, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def delegated(group: Path) -> None:
    for path in (group, *(group / name for name in DELEGATED)):
        os.chown(path, NOBODY, NOBODY)


@each
def test_a_delegated_group_gives_its_user_groups_below_it(group: Path, name: str) -> None:
    delegated(group)
    words = [sys.executable, "-c", PROGRAM, name, str(NOBODY)]
    expected = [f"cgroup-{name} /{group.name}/os2-shell True", "9", "[]"]
    assert told(words, group) == expected
    assert told(words, group / "os2-shell") == expected, "a second command of that user's shell"


@each
def test_processes_that_fork_while_they_are_moved_are_moved_too(group: Path, name: str) -> None:
    delegated(group)
    assert told([sys.executable, "-c", FORKING, name, str(NOBODY)], group) == ["1"]
    assert not (group / "cgroup.procs").read_text()


@each
def test_a_container_s_root_moves_its_processes_aside(group: Path, name: str) -> None:
    inside = f'umount "{MOUNT}" && mount -t cgroup2 cgroup2 "{MOUNT}" && exec "$@"'
    words = ["unshare", "-C", "-m", "sh", "-c", inside, "sh"]
    words += [sys.executable, "-c", PROGRAM, name, "0"]
    assert told(words, group) == [f"cgroup-{name} /os2-shell True", "9", "[]"]


@each
def test_root_leaves_a_group_that_others_made_as_it_is(group: Path, name: str) -> None:
    """A session's scope: the groups are made below the root instead."""
    words = [sys.executable, "-c", PROGRAM, name, "0"]
    assert told(words, group) == [f"cgroup-{name} /{group.name} True", "9", "[]"]
    assert not (group / "cgroup.subtree_control").read_text().split()


@pytest.mark.skipif(
    not set(cgroup.CONTROLLERS) <= set(CONTROLLERS),
    reason="version 2 has not all of pids, memory and cpu here: a kernel with only cgroup2 has",
)
def test_a_delegated_user_s_sandbox_is_limited_by_its_groups(group: Path, image: Image) -> None:
    delegated(group)
    words = [sys.executable, "-c", STARTING, str(image.root.parent.parent), str(NOBODY)]
    assert told(words, group) == ["cgroup-cpu cgroup-memory cgroup-pids"]
    assert told(words, group / "os2-shell") == ["cgroup-cpu cgroup-memory cgroup-pids"]
    left = [path.name for path in group.iterdir() if path.is_dir()]
    assert left == ["os2-shell"]
