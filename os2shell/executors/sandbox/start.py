"""A started sandbox: bubblewrap runs the guest's boot, which waits for its job.

States: started (boot has said hello, the layers are verified, ``/w`` is empty and ours to fill) →
running (``run``, once) → ended → closed. ``close`` is allowed at any time, kills whatever is left
and is called by ``with``. A crash of the shell in any state kills the guest: bubblewrap dies with
the thread that started it (PR_SET_PDEATHSIG), so start a sandbox from a thread that outlives it.
"""

import fcntl
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from types import TracebackType
from typing import Self

from os2shell.executors.sandbox import cgroup, seccomp, wire
from os2shell.executors.sandbox import layers as isolation
from os2shell.executors.sandbox.bubblewrap import (
    DEVICES,
    NO_BUBBLEWRAP,
    NO_NAMESPACES,
    arguments,
    find_bubblewrap,
    one_line,
    outer_identity,
)
from os2shell.executors.sandbox.errors import ProtocolBroken, SandboxUnavailable
from os2shell.executors.sandbox.image import Image
from os2shell.executors.sandbox.job import GuestExit, GuestIo, Job
from os2shell.executors.sandbox.ownership import files_as, fixed_addresses, fixed_stack
from os2shell.executors.sandbox.process import GuestProcess
from os2shell.executors.sandbox.supervise import Supervisor
from os2shell.model.guest import Limits, Tier

HELLO_SECONDS = 20
_CREDENTIALS_BYTES = 12
_PREPARE = wire.pack(b"prepare")
"""The boot reads it after its hello: it loads what the restricted tier needs, before any job."""
_OPTIONS_FD = 600
"""High enough to be free, below the usual limit of 1024."""
_PINNING = threading.Lock()


class Sandbox:
    """One sandbox, for one run. Made by ``start``.

    ``workspace_fd`` is the private ``/w``, readable and writable from here even after the guest
    ended; creating files in it must happen inside ``writing()``.
    """

    def __init__(
        self,
        image: Image,
        limits: Limits,
        process: GuestProcess,
        layers: tuple[str, ...],
        *,
        prepared: bool = False,
    ) -> None:
        """Keep what ``Starting`` has made and verified."""
        self.image = image
        self.layers = layers
        self._limits = limits
        self._process = process
        self._identity = outer_identity()
        self._supervisor: Supervisor | None = None
        self._prepared = prepared

    @classmethod
    def start(cls, image: Image, limits: Limits) -> "Sandbox":
        """Start the guest's boot and verify its isolation. Raises ``SandboxUnavailable``."""
        return Starting(image, limits).ready()

    @property
    def workspace_fd(self) -> int:
        """The directory descriptor of ``/w``."""
        return self._process.workspace_fd

    @property
    def guest_pid(self) -> int:
        """The guest's main process, by the number that we know it by."""
        return self._process.guest_pid

    @property
    def owner(self) -> tuple[int, int] | None:
        """Who must own what is in ``/w``, as (uid, gid); None when that is ourselves."""
        return None if self._identity is None else (self._identity, self._identity)

    def writing(self) -> AbstractContextManager[None]:
        """Inside, this thread may create files below ``workspace_fd``; they belong to the guest."""
        return files_as(self._identity)

    def run(self, job: Job, io: GuestIo) -> GuestExit:
        """Run ``job`` to its end; output and requests go to ``io``. Once per sandbox.

        Ctrl-C is passed to the guest; after two seconds, or at the second one, it is killed.
        """
        if self._supervisor is not None:
            message = "a sandbox runs one job; this one had its own"
            raise RuntimeError(message)
        if self._prepared and job.tier is not Tier.RESTRICTED:
            message = "a sandbox prepared for the restricted tier runs no other"
            raise RuntimeError(message)
        if job.tier is Tier.RESTRICTED and not self._prepared:
            self._prepared = True
            with suppress(OSError):  # a guest that died is reported by its run
                self._process.control.sendall(_PREPARE)
        self._supervisor = Supervisor(self._process, job, io, self.layers)
        return self._supervisor.run()

    def interrupt(self) -> None:
        """Do as Ctrl-C does; from any thread or signal handler."""
        if self._supervisor is not None:
            self._supervisor.interrupt()

    def close(self) -> None:
        """Kill what is left, and let everything go; a second time does nothing."""
        self._process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Starting:
    """A guest whose boot is on its way; what waits for it may do something else meanwhile."""

    def __init__(self, image: Image, limits: Limits, tier: Tier = Tier.NATIVE) -> None:
        """Spawn it, and let it prepare for ``tier``. Raises ``SandboxUnavailable``."""
        self.limits = limits
        self._image = image
        self._process = _spawn(image, limits)
        self._prepared = tier is Tier.RESTRICTED
        if self._prepared:
            with suppress(OSError):  # a child that died already is reported by ``ready``
                self._process.control.sendall(_PREPARE)

    def ready(self) -> Sandbox:
        """Wait for the boot and verify its isolation; once. Raises ``SandboxUnavailable``."""
        process = self._process
        try:
            process.begun()
            told = _hello(process)
            layers = isolation.verified(process.guest_pid, self.limits, told, process.group)
        except BaseException:
            process.close()
            raise
        return Sandbox(self._image, self.limits, process, layers, prepared=self._prepared)

    @property
    def alive(self) -> bool:
        """Whether it has not ended already."""
        return self._process.child.poll() is None

    def close(self) -> None:
        """Give it up."""
        self._process.close()


def _spawn(image: Image, limits: Limits) -> GuestProcess:
    """Start bubblewrap, which waits for its options, and the boot, which waits for the limits.

    The options come through a pipe: what is below reads no path of ours in ``/proc/1/cmdline``, and
    bubblewrap makes no namespace before it is in its control group.
    """
    bwrap = find_bubblewrap()
    filter_fd, filter_into = os.pipe() if seccomp.present() else (None, None)
    covered = () if image.bare else DEVICES
    empty_fds = tuple(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) for _ in covered)
    given = empty_fds if filter_fd is None else (*empty_fds, filter_fd)
    words = arguments(
        bwrap=bwrap,
        image=image,
        space_bytes=limits.workspace_bytes,
        filter_fd=filter_fd,
        empty_fds=empty_fds,
    )
    command = words.index("--")
    options = os.fsencode("\0".join((*words[1:command], "")))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    options_fd, options_into = os.pipe()
    try:
        with theirs, _pinned(options_fd) as pinned:
            argv = (bwrap, "--args", str(pinned), *words[command:])
            child = _popen(argv, theirs, (*given, pinned))
    except BaseException:
        ours.close()
        for into in filter(None, (filter_into, options_into)):
            os.close(into)
        raise
    finally:
        for number in given:
            os.close(number)
    process = GuestProcess(child, ours, cgroup.make(limits))
    process.begin(partial(_feed, options_into, options, filter_into, with_net=image.has_net))
    with suppress(OSError):  # a child that died already is reported by what it said
        ours.sendall(wire.pack(b"limits", isolation.limits_message(limits)))
    return process


def _feed(options_into: int, options: bytes, filter_into: int | None, *, with_net: bool) -> None:
    """Write what bubblewrap reads before it does anything; it reads the options to their end."""
    with nullcontext() if filter_into is None else os.fdopen(filter_into, "wb") as filter_pipe:
        with os.fdopen(options_into, "wb") as options_pipe:
            options_pipe.write(options)
        if filter_pipe is not None:
            filter_pipe.write(seccomp.program(with_net=with_net))


@contextmanager
def _pinned(fd: int) -> Iterator[int]:
    """``fd`` under a number that is the same each time, as the guest can read it; closes both."""
    with _PINNING:
        pinned = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _OPTIONS_FD)
        os.close(fd)
        try:
            yield pinned
        finally:
            os.close(pinned)


def _popen(
    words: tuple[str, ...], stdin: socket.socket, given: tuple[int, ...]
) -> subprocess.Popen[bytes]:
    """Start it with ``stdin`` and ``given``, no other descriptor of ours; under ``_PINNING``."""
    identity = outer_identity()
    try:
        with (
            fixed_addresses(),
            isolation.without_cores(),
            fixed_stack(isolation.STACK_BYTES),
        ):
            return subprocess.Popen(
                words,
                pass_fds=given,
                stdin=stdin.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env={},
                cwd="/",
                start_new_session=True,
                umask=0o022,
                user=identity,
                group=identity,
                extra_groups=None if identity is None else [],
            )
    except OSError as error:
        remedy = NO_BUBBLEWRAP
        if identity is not None and isinstance(error, PermissionError):
            remedy = f"this root may not become uid {identity}: map it, or be an ordinary user"
        raise SandboxUnavailable(
            f"cannot start {words[0]} ({error.strerror})", remedy=remedy
        ) from error


def _hello(process: GuestProcess) -> isolation.Told:
    """Wait for the boot's first message; keep its process and ``/w``; return what it tells."""
    poll = select.poll()
    poll.register(process.control, select.POLLIN)
    end = time.monotonic() + HELLO_SECONDS
    while not poll.poll(max(0, end - time.monotonic()) * 1000):
        if time.monotonic() >= end:
            raise SandboxUnavailable(
                f"the guest did not start within {HELLO_SECONDS} s",
                remedy="is the machine overloaded?",
            )
    room = socket.CMSG_SPACE(_CREDENTIALS_BYTES) + socket.CMSG_SPACE(4)
    try:
        data, ancillary, _, _ = process.control.recvmsg(256, room)
    except ConnectionResetError:  # it died with our message unread
        data, ancillary = b"", []
    if not data:
        raise _did_not_start(process)
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            process.adopt_guest(int.from_bytes(content[:4], "little", signed=True))
        elif level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            process.adopt_workspace(int.from_bytes(content[:4], "little"))
    messages = list(wire.Incoming().feed(data))
    match messages:
        case [(b"hello", personality, landlock, traps)] if process.complete:
            return isolation.Told(int(personality, 16), int(landlock), traps=traps == b"1")
    raise ProtocolBroken("the boot's first message is not its hello", expected="an undamaged image")


def _did_not_start(process: GuestProcess) -> SandboxUnavailable:
    """What bubblewrap said when it gave up, with a remedy where the cause is known."""
    with suppress(subprocess.TimeoutExpired):
        process.child.wait(1)
    os.set_blocking(process.stderr.fileno(), False)
    said = one_line((process.stderr.read(4096) or b"").decode(errors="replace"))
    remedy = "`os2 doctor` tells what the machine gives"
    if "Can't find source path" in said:
        remedy = "choose an image cache that every user can reach, such as /var/cache/os2shell"
    elif "namespace" in said or "uid map" in said or "userns" in said:
        remedy = NO_NAMESPACES
    elif "nknown option" in said:
        remedy = "install bubblewrap 0.8 or newer"
    code = process.child.returncode
    how = signal.Signals(-code).name if code is not None and code < 0 else f"exit {code}"
    return SandboxUnavailable(f"bubblewrap ended ({how}): {said or 'no message'}", remedy=remedy)
