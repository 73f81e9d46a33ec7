"""The layers below the namespaces: each holds by itself, is told truly, and is refused where it lacks."""

import ctypes
import errno
import os
import platform
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from os2shell.executors.guest import ImageSource
from os2shell.executors.sandbox import Image, Sandbox, cgroup, remedy_for, seccomp
from os2shell.executors.sandbox import layers as isolation
from os2shell.executors.sandbox.errors import SandboxUnavailable
from os2shell.executors.sandbox.native import TRAPS
from os2shell.model.errors import CannotStart
from tests.sandbox.guests import JOB, LIMITS, Run, Scripted

CALL = "import ctypes, errno, os; libc = ctypes.CDLL(None, use_errno=True)\n"
SAY = "print(errno.errorcode[ctypes.get_errno()] if result == -1 else 'done')\n"
HAS_GROUPS = bool(cgroup.places())
X86 = platform.machine() == "x86_64"

needs_groups = pytest.mark.skipif(not HAS_GROUPS, reason="no control group can be made here")
needs_x86 = pytest.mark.skipif(not X86, reason="numbers of x86-64")


def number(name: str) -> int:
    """The machine's number of a system call."""
    return int(ctypes.CDLL("libseccomp.so.2").seccomp_syscall_resolve_name(name.encode()))


def said(ran: Run, call: str) -> str:
    """What a system call made by ctypes comes to: ``done`` or the error's name."""
    result = ran(f"{CALL}result = {call}\n{SAY}")
    assert result.exit.code == 0, result.err
    return result.out.strip()


def test_layers_are_as_the_kernel_tells(sandbox: Sandbox) -> None:
    status = Path(f"/proc/{sandbox._process.guest_pid}/status").read_text()
    own = Path("/proc/self/status").read_text()
    count = int(status.split("Seccomp_filters:")[1].split()[0])
    assert "\nSeccomp:\t2\n" in status
    assert count == int(own.split("Seccomp_filters:")[1].split()[0]) + 1 + (TRAPS in sandbox.layers)
    assert {"seccomp", "landlock"} <= set(sandbox.layers)


def test_filter_is_the_same_each_time() -> None:
    first = seccomp.program()
    seccomp.program.cache_clear()
    assert seccomp.program() == first
    assert len(first) % 8 == 0


FORBIDDEN = [
    "io_uring_setup",
    "bpf",
    "userfaultfd",
    "keyctl",
    "add_key",
    "request_key",
    "ptrace",
    "process_vm_readv",
    "kcmp",
    "process_vm_writev",
    "pidfd_getfd",
    "perf_event_open",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "unshare",
    "setns",
    "open_by_handle_at",
    "settimeofday",
    "reboot",
    "kexec_load",
    "init_module",
    "swapon",
    "quotactl",
    "seccomp",
    "syslog",
]
MISSING = ("clone3", "execveat", "memfd_create")


def test_dangerous_calls_are_refused_by_number(ran: Run) -> None:
    numbers = {name: number(name) for name in (*FORBIDDEN, *MISSING)}
    code = (
        f"{CALL}for name, number in {numbers}.items():\n"
        "    result = libc.syscall(ctypes.c_long(number), 0, 0, 0, 0, 0, 0)\n"
        "    print(name, errno.errorcode[ctypes.get_errno()] if result == -1 else 'done')\n"
    )
    told = dict(line.split() for line in ran(code).out.splitlines())
    assert {name: told[name] for name in FORBIDDEN} == dict.fromkeys(FORBIDDEN, "EPERM")
    assert {name: told[name] for name in MISSING} == dict.fromkeys(MISSING, "ENOSYS")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("libc.syscall({clone}, 0x10000000 | 17, 0, 0, 0, 0)", "ENOSYS"),
        ("libc.personality(0x0040000)", "EPERM"),
        ("libc.personality(ctypes.c_ulong(0xffffffff))", "done"),
        ("libc.ioctl(0, 0x5412, b'x')", "ENOSYS"),
        ("libc.ioctl(0, ctypes.c_ulong(0x100005412), b'x')", "ENOSYS"),
        ("libc.ioctl(0, 0x541C, b'x')", "ENOSYS"),
        ("libc.prctl(22, 2, 0, 0, 0)", "ENOSYS"),
        ("libc.prctl(15, b'name', 0, 0, 0)", "done"),
        ("libc.memfd_create(b'x', 8)", "done"),
    ],
)
def test_arguments_decide(ran: Run, call: str, expected: str) -> None:
    assert said(ran, call.format(clone=number("clone"))) == expected


def test_memory_is_never_writable_and_executable(ran: Run) -> None:
    code = (
        "import ctypes, mmap\n"
        "def tried(prot, flags=mmap.MAP_PRIVATE):\n"
        "    try: mmap.mmap(-1, 4096, prot=prot, flags=flags); return 'done'\n"
        "    except OSError as error: return error.errno\n"
        "print(tried(7), tried(6), tried(3), tried(5), tried(7, mmap.MAP_SHARED))\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "page = libc.mmap; page.restype = ctypes.c_void_p\n"
        "at = page(None, 4096, 3, 0x22, -1, 0)\n"
        "print(libc.mprotect(ctypes.c_void_p(at), 4096, 7), ctypes.get_errno())\n"
        "print(libc.pkey_mprotect(ctypes.c_void_p(at), 4096, 7, -1), ctypes.get_errno())\n"
    )
    assert ran(code).out == "1 1 done done 1\n-1 1\n-1 1\n"


def test_callbacks_of_ctypes_work_without_writable_code(ran: Run) -> None:
    code = (
        "import ctypes\n"
        "kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))\n"
        "row = (ctypes.c_int * 4)(3, 1, 2, 0)\n"
        "ctypes.CDLL(None).qsort(row, 4, 4, kind(lambda a, b: a[0] - b[0]))\n"
        "print(list(row))"
    )
    assert ran(code).out == "[0, 1, 2, 3]\n"


@pytest.mark.parametrize(
    ("family", "expected"),
    [("AF_INET", errno.ENETUNREACH), ("AF_INET6", errno.ENETUNREACH)]
    + [(name, errno.EAFNOSUPPORT) for name in ("AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG")],
)
def test_only_unix_sockets_exist(ran: Run, family: str, expected: int) -> None:
    code = f"import socket; socket.socket(socket.{family}, socket.SOCK_RAW)"
    assert f"[Errno {expected}]" in ran(code).err


def test_socket_pairs_and_children_work(ran: Run) -> None:
    code = (
        "import asyncio, socket, subprocess, sys\n"
        "a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))\n"
        "print(subprocess.run([sys.executable, '-c', 'print(2)'], capture_output=True).stdout)\n"
        "async def main(): return 3\n"
        "print(asyncio.run(main()))"
    )
    assert ran(code).out == "b'x'\nb'2\\n'\n3\n"


@needs_x86
@pytest.mark.parametrize("what", ["i386", "x32"])
def test_another_abi_is_killed(ran: Run, what: str) -> None:
    """Machine code that asks for getpid by the other ABI; mapped by way of a file, W xor X."""
    int80 = bytes.fromhex("b814000000cd80c3")  # mov eax, 20; int 0x80; ret
    x32 = bytes.fromhex("b8270000400f05c3")  # mov eax, 0x40000027; syscall; ret
    code = (
        "import ctypes, os\n"
        "file = os.open('code', os.O_RDWR)\n"
        "libc = ctypes.CDLL(None); libc.mmap.restype = ctypes.c_void_p\n"
        "at = libc.mmap(None, 4096, 5, 2, file, 0)\n"
        "print(ctypes.CFUNCTYPE(ctypes.c_int)(at)())\n"
    )
    machine = int80 if what == "i386" else x32
    result = ran(code, files={"code": machine.ljust(4096, b"\x90")})
    assert (result.exit.code, result.exit.cause) == (159, "signal:SIGSYS")


def test_what_was_written_cannot_be_executed(ran: Run) -> None:
    code = (
        "import os, shutil, subprocess\n"
        "for place in ('/w/p', '/tmp/p'):\n"
        "    shutil.copy('/py/bin/python3', place)\n"
        "    try: subprocess.run([place, '-c', 'print(1)'])\n"
        "    except OSError as error: print(error.errno)\n"
    )
    assert ran(code).out == "13\n13\n"


def test_only_workspace_scratch_and_null_are_written(ran: Run) -> None:
    code = (
        "import os\n"
        "for path in ('/w/a', '/tmp/a', '/dev/null', '/proc/self/comm', '/proc/self/oom_score_adj',\n"
        "             '/proc/sys/kernel/hostname', '/proc/sysrq-trigger', '/dev/ptmx', '/dev/pts/ptmx',\n"
        "             '/dev/shm/a', '/x'):\n"
        "    try: os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)); print(path)\n"
        "    except OSError: pass\n"
        "print(os.path.exists('/sys'))\n"
    )
    assert ran(code).out == "/w/a\n/tmp/a\n/dev/null\nFalse\n"


def test_devices_cannot_be_made(ran: Run) -> None:
    code = "import os, stat; os.mknod('/w/d', stat.S_IFCHR | 0o600, os.makedev(1, 5))"
    assert "Operation not permitted" in ran(code).err or "denied" in ran(code).err


def test_no_descriptor_is_inherited(image: Image, tmp_path: Path) -> None:
    secret = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(secret, True)  # noqa: FBT003 - the C signature
    code = "import os; print([os.readlink(f'/proc/self/fd/{n}').split(':')[0] for n in os.listdir('/proc/self/fd') if os.path.lexists(f'/proc/self/fd/{n}')])"
    io = Scripted()
    try:
        with Sandbox.start(image, LIMITS) as started:
            started.run(replace(JOB, target=code), io)
    finally:
        os.close(secret)
    assert io.text("stdout") == "['/dev/null', 'pipe', 'socket', 'pipe']\n"


def test_guest_without_the_filter_says_so(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without libseccomp, by the library's name: the layer is absent, and refused."""
    monkeypatch.setattr(seccomp, "_LIBRARY", "libabsent.so.9")
    seccomp.program.cache_clear()
    seccomp._load.cache_clear()
    try:
        with pytest.raises(SandboxUnavailable, match=r"libabsent\.so\.9"):
            seccomp.program()
        with Sandbox.start(image, LIMITS) as started:
            assert "seccomp" not in started.layers
        source = ImageSource(image.root.parent.parent, print)
        with pytest.raises(CannotStart, match="does not give seccomp") as refused:
            source.take_sandbox(LIMITS, ("seccomp",))
        assert "libseccomp2" in refused.value.remedy
    finally:
        seccomp.program.cache_clear()
        seccomp._load.cache_clear()


def test_required_layer_that_lacks_is_refused_with_its_remedy(image: Image) -> None:
    source = ImageSource(image.root.parent.parent, print)
    with pytest.raises(CannotStart, match="does not give absent"):
        source.take_sandbox(LIMITS, ("absent", "seccomp"))
    assert "systemd-run" in remedy_for(["cgroup-pids"])
    assert remedy_for(["absent"])


def test_landlock_layers_follow_the_version(sandbox: Sandbox) -> None:
    pid = sandbox._process.guest_pid
    told = isolation.Told(personality=0x0040000, landlock=3)
    given = isolation.verified(pid, LIMITS, told, None)
    assert "landlock" in given
    assert "landlock-network" not in given
    assert "cgroup-pids" not in given
    none = isolation.verified(pid, LIMITS, replace(told, landlock=0), None)
    assert "landlock" not in none
    with pytest.raises(SandboxUnavailable, match="aslr-off"):
        isolation.verified(pid, LIMITS, replace(told, personality=0), None)


def test_guest_sees_neither_our_command_line_nor_its_group(ran: Run, image: Image) -> None:
    code = (
        "print([w for w in open('/proc/1/cmdline').read().split(chr(0))[1:4]])\n"
        "print({line.split(':')[2] for line in open('/proc/self/cgroup').read().split()\n"
        "       if line.split(':')[1] in ('pids', 'memory', 'cpu')})"
    )
    first, second = ran(code), ran(code)
    assert first.out == second.out
    assert first.out.startswith("['--args', '600', '--']")
    assert "os2-" not in first.out


@needs_groups
def test_guest_is_in_its_group_and_the_group_goes(image: Image) -> None:
    with Sandbox.start(image, LIMITS) as started:
        group = started._process.group
        assert group is not None
        folders = list(group._folders)
        pids = (started._process.child.pid, started._process.guest_pid)
        for folder in folders:
            inside = (folder / "cgroup.procs").read_text().split()
            assert {str(pid) for pid in pids} <= set(inside)
        assert {"cgroup-pids", "cgroup-memory"} <= set(started.layers)
        (limit,) = [f / "pids.max" for f in folders if (f / "pids.max").exists()]
        assert int(limit.read_text()) == LIMITS.processes + cgroup.SPARE_PROCESSES
    assert not any(folder.exists() for folder in folders)


def watched_loosely(image: Image, code: str, **small: int) -> tuple[str, bool]:
    """Run ``code`` where only the kernel knows the ``small`` limits, not the supervisor."""
    io = Scripted()
    with Sandbox.start(image, replace(LIMITS, **small)) as started:
        ended = started.run(replace(JOB, target=code), io)
        out_of_memory = started._process.out_of_memory
    assert ended.cause == "exit", io.text("stderr")
    return io.text("stdout"), out_of_memory


@needs_groups
def test_processes_are_bounded_by_the_kernel(image: Image) -> None:
    code = (
        "import os, signal\n"
        "made = 0\n"
        "try:\n"
        "    while made < 25:\n"
        "        if os.fork() == 0: signal.pause()\n"
        "        made += 1\n"
        "except BlockingIOError: print(made)\n"
    )
    said, _ = watched_loosely(image, code, processes=4)
    assert 4 <= int(said) <= 4 + cgroup.SPARE_PROCESSES


@needs_groups
def test_memory_of_the_whole_tree_is_bounded_by_the_kernel(image: Image) -> None:
    """Each child stays below the limit of one process; together they pass that of the group."""
    code = (
        "import os\n"
        "rest, hold = os.pipe()\n"
        "for _ in range(9):\n"
        "    if os.fork() == 0:\n"
        "        os.close(hold)\n"
        "        kept = bytearray(48 << 20)\n"
        "        for at in range(0, len(kept), 4096): kept[at] = 1\n"
        "        os.read(rest, 1); os._exit(0)\n"
        "pid, status = os.wait()\n"
        "print(status)\n"
    )
    said, out_of_memory = watched_loosely(
        image, code, memory_bytes=200 << 20, workspace_bytes=1 << 20
    )
    assert (said, out_of_memory) == ("9\n", True)


@needs_groups
def test_guest_that_the_kernel_kills_for_memory_is_named(image: Image) -> None:
    """A group smaller than the limit of one process, so that the kernel kills before we look."""
    io = Scripted()
    limits = replace(LIMITS, memory_bytes=300 << 20, workspace_bytes=1 << 20)
    with Sandbox.start(image, limits) as started:
        group = started._process.group
        assert group is not None
        for folder, place in group._folders.items():
            if "memory" in place.controllers:
                name = "memory.max" if place.version > 1 else "memory.limit_in_bytes"
                (folder / name).write_text(str(20 << 20))
        code = "x = bytearray(100 << 20)\nfor at in range(0, len(x), 4096): x[at] = 1\n"
        ended = started.run(replace(JOB, target=code), io)
    assert (ended.code, ended.cause) == (124, "limit.memory")


@needs_groups
def test_groups_of_a_killed_shell_are_swept() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from os2shell.executors.sandbox import cgroup\n"
        "from os2shell.model.guest import Limits\n"
        "group = cgroup.make(Limits(1, 1, 1 << 29, 1, 1 << 20, 1, 9))\n"
        "print(*group._folders, sep='\\n', flush=True)\n"
        "input()\n"
    )
    root = str(Path(__file__).parents[2])
    words = [sys.executable, "-c", program, root]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        folders = [Path(shell.stdout.readline().strip()) for _ in cgroup.places()]
        for place in cgroup.places():
            cgroup._sweep(place.parent)
        assert all(folder.is_dir() for folder in folders)
        left = subprocess.Popen(["sleep", "1000"])  # as bubblewrap's child where its parent died
        for folder in folders:
            (folder / "cgroup.procs").write_text(str(left.pid))
        shell.send_signal(signal.SIGKILL)
    for place in cgroup.places():
        cgroup._sweep(place.parent)
    assert left.wait(10) == -signal.SIGKILL
    for place in cgroup.places():
        cgroup._sweep(place.parent)
    assert not any(folder.exists() for folder in folders)


def test_filter_names_are_known_to_the_library() -> None:
    assert len(set(seccomp.ALLOWED)) == len(seccomp.ALLOWED)
    assert not set(seccomp.ALLOWED) & set(seccomp.FORBIDDEN)
    unknown = [name for name in seccomp.ALLOWED if number(name) == -1]
    assert unknown == []


def test_nobody_sets_the_limit_of_cores(ran: Run) -> None:
    """At 0 a crash would start the machine's own handler of cores, outside and as root."""
    code = (
        "import ctypes, resource\nfirst = resource.getrlimit(resource.RLIMIT_CORE)\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        "high = ctypes.c_long(resource.RLIMIT_CORE | 1 << 32)\n"
        "ctypes.CDLL(None).syscall(302, 0, high, (ctypes.c_long * 2)(0, 0), None)\n"
        "print(first == resource.getrlimit(resource.RLIMIT_CORE), first[0])\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    wanted = 0 if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0 else 1
    assert ran(code).out == f"True {wanted}\n(99, 99)\n"


def test_our_own_limit_of_cores_is_as_it_was(ran: Run) -> None:
    before = resource.getrlimit(resource.RLIMIT_CORE)
    assert ran("print(1)").out == "1\n"
    assert resource.getrlimit(resource.RLIMIT_CORE) == before
