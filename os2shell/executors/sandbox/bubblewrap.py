"""The command line of bubblewrap, as a pure function; and what this machine gives.

The image is the whole root, bound read-only; ``/proc``, ``/dev``, ``/tmp`` and ``/w`` are private.
No other path of the host is named. Starting the process and verifying what it really got are left
to ``start`` and ``layers``.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from os2shell.executors.sandbox.errors import SandboxUnavailable
from os2shell.executors.sandbox.image import Image
from os2shell.executors.sandbox.native import NET
from os2shell.executors.sandbox.synthetic import FOLDER, binds

GUEST_ID = 1000
WORKSPACE = "/w"
HOSTNAME = "os2"

NO_BUBBLEWRAP = "install it: apt install bubblewrap"
NO_NAMESPACES = (
    "allow them: sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000 "
    "kernel.apparmor_restrict_unprivileged_userns=0"
)

ENVIRONMENT: tuple[tuple[str, str], ...] = (
    ("COLUMNS", "80"),
    ("HOME", "/tmp"),  # noqa: S108 - a path inside the sandbox, private to it
    ("LANG", "C.UTF-8"),
    ("LC_ALL", "C.UTF-8"),
    ("LINES", "24"),
    ("LOGNAME", "os2"),
    ("MALLOC_ARENA_MAX", "1"),
    ("MKL_NUM_THREADS", "1"),
    ("NUMEXPR_NUM_THREADS", "1"),
    ("OMP_NUM_THREADS", "1"),
    ("OPENBLAS_NUM_THREADS", "1"),
    ("OPENSSL_ia32cap", "~0x4000000000000010:~0x40000"),
    ("PATH", "/py/bin"),
    ("PYTHONHASHSEED", "0"),
    ("TERM", "dumb"),
    ("TMPDIR", "/tmp"),  # noqa: S108 - a path inside the sandbox, private to it
    ("TZ", "UTC"),
    ("USER", "os2"),
)
"""All the guest's environment; its size decides addresses, so it never varies.

One heap for all threads: how many there are by default depends on the machine's processors, and
each reserves 64 MiB. One thread for each numeric library: sums of floats depend on how threads
share the work. OpenSSL is told that the processor has no time stamp counter, RDRAND and RDSEED: no
net would see them.
"""
PRELOAD = ("LD_PRELOAD", f"/{NET}")
"""One word more in an image that has a net."""
DEVICES = ("/dev/random", "/dev/urandom")
"""Covered by files that the boot fills from the seed: even a bare system call reads no other."""

FLAGS = ("-u", "-S", "-s", "-P", "-B")
"""Not ``-I`` or ``-E``: both make CPython ignore PYTHONHASHSEED."""
BOOT = "import sys; sys.path.insert(0, '/os2'); from os2guest import boot; sys.exit(boot.main())"


def arguments(
    *,
    bwrap: str,
    image: Image,
    space_bytes: int,
    filter_fd: int | None,
    empty_fds: tuple[int, ...] = (),
) -> tuple[str, ...]:
    """The whole command line that runs the guest's boot in ``image``, its mounts read-only.

    ``space_bytes`` is the size of ``/w``, and that of ``/tmp``. ``filter_fd`` reads the compiled
    filter of system calls; None is for a machine that has none, whose runs lack that layer.
    ``empty_fds`` read nothing, one for each of ``DEVICES``; none leaves the devices as they are.
    """
    words = [bwrap]
    words += [f"--unshare-{name}" for name in ("user", "pid", "net", "ipc", "uts", "cgroup")]
    words += ["--disable-userns", "--assert-userns-disabled"]
    words += ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    words += ["--clearenv"]
    for name, value in (*ENVIRONMENT, *((PRELOAD,) if image.has_net else ())):
        words += ["--setenv", name, value]
    words += ["--hostname", HOSTNAME, "--uid", str(GUEST_ID), "--gid", str(GUEST_ID)]
    words += ["--ro-bind", str(image.root), "/", "--proc", "/proc", "--dev", "/dev"]
    for mount in image.mounts:
        words += ["--ro-bind", str(mount.folder), mount.place]
    for number, device in zip(empty_fds, DEVICES, strict=False):
        words += ["--bind-data", str(number), device]
    words += ["--remount-ro", "/dev"]
    words += ["--size", str(space_bytes), "--tmpfs", "/tmp"]  # noqa: S108 - inside the sandbox
    words += ["--size", str(space_bytes), "--tmpfs", WORKSPACE, "--chdir", WORKSPACE]
    synthetic = str(image.root / FOLDER)
    for name, path in binds():
        words += ["--ro-bind", f"{synthetic}/{name}", path]
    words += ["--remount-ro", "/proc"]
    if filter_fd is not None:
        words += ["--seccomp", str(filter_fd)]
    words += ["--", image.executable, *FLAGS, "-c", BOOT]
    return tuple(words)


def find_bubblewrap() -> str:
    """The path of bubblewrap, or ``SandboxUnavailable``."""
    found = shutil.which("bwrap", path=os.defpath + ":/usr/local/bin:/usr/sbin:/sbin")
    found = found or shutil.which("bwrap")
    if found is None:
        raise SandboxUnavailable(
            "no bwrap on this machine", expected="bubblewrap 0.8 or newer", remedy=NO_BUBBLEWRAP
        )
    return str(Path(found).resolve())


@dataclass(frozen=True, slots=True)
class Probe:
    """What the machine gives for a sandbox. ``problem`` and ``remedy`` are empty when it works."""

    bubblewrap: str
    version: str
    works: bool
    problem: str = ""
    remedy: str = ""


def probe() -> Probe:
    """Try bubblewrap with every namespace the sandbox asks for; never raises."""
    try:
        bwrap = find_bubblewrap()
    except SandboxUnavailable as error:
        return Probe("", "", works=False, problem=error.found, remedy=error.remedy)
    said = subprocess.run([bwrap, "--version"], capture_output=True, text=True, check=False)
    version = said.stdout.strip().removeprefix("bubblewrap ")
    words = [
        bwrap,
        "--unshare-all",
        "--unshare-user",
        "--disable-userns",
        "--cap-drop",
        "ALL",
        "--uid",
        "1000",
    ]
    words += ["--die-with-parent", "--ro-bind", "/", "/", "--", "/bin/true"]
    identity = outer_identity()
    tried = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        user=identity,
        group=identity,
        extra_groups=None if identity is None else [],
    )
    if tried.returncode:
        problem = one_line(tried.stderr) or f"bwrap ended with {tried.returncode}"
        return Probe(bwrap, version, works=False, problem=problem, remedy=NO_NAMESPACES)
    return Probe(bwrap, version, works=True)


def outer_identity() -> int | None:
    """The kernel uid and gid to drop to before bubblewrap starts: 65534 for root, else our own.

    Under uid 0 RLIMIT_NPROC does not bind, and an escape would be root's.
    """
    return NOBODY if os.geteuid() == 0 else None


NOBODY = 65534


def one_line(text: str) -> str:
    """``text`` as one printable line of at most 300 characters, for an error message."""
    joined = " ".join(text.split())
    return "".join(char if char.isprintable() else "?" for char in joined)[:300]
