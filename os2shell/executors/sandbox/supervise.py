"""One run, from the sending of the job to the last byte: one loop over descriptors and a tick.

Rules: whatever ends the run first names the cause; every end but the guest's own kills the whole
tree and waits until nothing of it lives; output is handed on as it was read, never beyond the
limit; after the guest's main process ended nothing of it runs on. The loop never blocks
on the guest: what goes to it is queued, and what is asked of the caller may be waited for by
descriptor (``WaitingIo``).
"""

import os
import selectors
import signal
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Protocol, cast, runtime_checkable

from os2shell.executors.sandbox import tree, wire
from os2shell.executors.sandbox.budget import OVERDRAWN, SPENT, Meter
from os2shell.executors.sandbox.errors import ProtocolBroken
from os2shell.executors.sandbox.imports import Imports, decoded, resolved
from os2shell.executors.sandbox.job import (
    INTERRUPTED_CODE,
    LIMIT_CODE,
    GuestExit,
    GuestIo,
    Job,
    Stream,
    Usage,
)
from os2shell.executors.sandbox.process import GuestProcess

TICK_NS = 50_000_000
GRACE_NS = 2_000_000_000
CHUNK_BYTES = 1 << 16
FREE_DESCRIPTORS = 1024
"""As many as one process may have; what more a tree has open counts as memory."""
SOCKET_BYTES = 212_992
"""What a full socket holds of the kernel's memory (net.core.wmem_default)."""
_SIGNALLED = 128
_KILLED_CODE = _SIGNALLED + signal.SIGKILL
_ENDED_BY_US = {"interrupted": INTERRUPTED_CODE, "protocol": _KILLED_CODE}
KILLED = "killed"
"""Somebody on this machine ended the sandbox."""
_TOLD_CAUSES = frozenset(
    {"exit", "limit.memory", "limit.workspace_bytes", "limit.processes", "deadlock", SPENT}
)


@runtime_checkable
class WaitingIo(Protocol):
    """A ``GuestIo`` whose answers may have to be waited for."""

    def waits_for(self, request: bytes) -> int | None:
        """The descriptor that turns readable when ``answer`` will not block; None: ask at once."""


@runtime_checkable
class FedIo(Protocol):
    """A ``GuestIo`` whose requests may have bodies, sent before them in pieces."""

    def data(self, piece: bytes) -> None:
        """Take a piece; raises ``ProtocolBroken`` where there are too many."""


class Supervisor:
    """Watches one running guest."""

    def __init__(
        self, process: GuestProcess, job: Job, io: GuestIo, layers: tuple[str, ...]
    ) -> None:
        """Prepare; nothing is sent yet."""
        self._process = process
        self._job = job
        self._limits = job.limits
        self._io = io
        self._layers = layers
        self._incoming = wire.Incoming()
        self._queued = bytearray(_job_message(job, process.workspace_fd))
        self._asked: bytes | None = None
        self._awaited: int | None = None
        self._answering = False
        self._interrupts = 0
        self._seen_interrupts = 0
        self._kill_at_ns: int | None = None
        self._cause: str | None = None
        self._outcome: tuple[int, str] | None = None
        self._imports = Imports()
        self._meter = Meter(job.token_budget)
        self._cpu_ns = self._memory_peak = self._tasks_peak = 0
        self._start_ns = time.monotonic_ns()
        self._tick_ns = self._start_ns
        self._selector = selectors.DefaultSelector()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._exit_fd = os.pidfd_open(process.child.pid)

    def run(self) -> GuestExit:
        """Send the job, watch to the end, and say how it ended."""
        previous = self._catch_interrupts()
        try:
            self._register()
            while self._cause is None and not self._turn():
                pass
            self._process.kill()
            self._drain()
            return self._ended()
        finally:
            if previous is not None:
                signal.signal(signal.SIGINT, previous)
            self._process.kill()
            self._selector.close()
            os.close(self._exit_fd)
            os.close(self._wake)

    def interrupt(self) -> None:
        """Count one Ctrl-C; the loop acts on it."""
        self._interrupts += 1
        with suppress(OSError):  # the run is over
            os.eventfd_write(self._wake, 1)

    def _catch_interrupts(self) -> signal.Handlers | None:
        """Turn Ctrl-C into a count, so that it cannot tear the loop at an arbitrary line."""
        if threading.current_thread() is not threading.main_thread():
            return None
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            return None  # the caller handles it, and may call interrupt()

        def handler(_number: int, _frame: FrameType | None) -> None:
            self.interrupt()
            if self._answering:
                raise KeyboardInterrupt  # ends a read that would otherwise be resumed

        return cast("signal.Handlers", signal.signal(signal.SIGINT, handler))

    def _register(self) -> None:
        for stream in (self._process.stdout, self._process.stderr):
            os.set_blocking(stream.fileno(), False)
        self._process.control.setblocking(False)  # noqa: FBT003 - the C signature
        self._selector.register(self._process.stdout, selectors.EVENT_READ, self._stdout)
        self._selector.register(self._process.stderr, selectors.EVENT_READ, self._stderr)
        self._selector.register(self._exit_fd, selectors.EVENT_READ, None)
        self._selector.register(self._wake, selectors.EVENT_READ, self._awake)
        both = selectors.EVENT_READ | selectors.EVENT_WRITE
        self._selector.register(self._process.control, both, self._control)

    def _turn(self) -> bool:
        """One turn of the loop; True when the guest has ended by itself."""
        now = time.monotonic_ns()
        timeout = max(0, self._tick_ns + TICK_NS - now) / 1e9
        try:
            ready = self._selector.select(timeout)
        except KeyboardInterrupt:  # the caller's own handler raised it
            self.interrupt()
            return False
        for key, _ in ready:
            if key.data is not None and self._cause is None:
                key.data()
        self._act_on_interrupts()
        if time.monotonic_ns() >= self._tick_ns + TICK_NS:
            self._tick()
        return any(key.fd == self._exit_fd for key, _ in ready)

    def _awake(self) -> None:
        os.eventfd_read(self._wake)

    def _act_on_interrupts(self) -> None:
        if self._interrupts > self._seen_interrupts:
            first = self._seen_interrupts == 0
            self._seen_interrupts = self._interrupts
            if first and self._interrupts == 1:
                self._give_up_waiting()
                self._process.signal_guest(signal.SIGINT)
                self._kill_at_ns = time.monotonic_ns() + GRACE_NS
            else:
                self._cause = self._cause or "interrupted"
        if self._kill_at_ns is not None and time.monotonic_ns() >= self._kill_at_ns:
            self._cause = self._cause or "interrupted"

    def _tick(self) -> None:
        """Measure, and end the run at the first limit that is passed."""
        self._tick_ns = time.monotonic_ns()
        self._measure()
        space = os.fstatvfs(self._process.workspace_fd)
        passed = {
            "limit.wall": self._tick_ns - self._start_ns > self._limits.wall_ns,
            "limit.cpu": self._cpu_ns > self._limits.cpu_ns,
            "limit.memory": self._memory_now + self._hidden_now > self._limits.memory_bytes,
            "limit.processes": self._tasks_now > self._limits.processes,
            "limit.files": max(self._process.inodes()) > self._limits.files,
            "limit.workspace_bytes": space.f_bfree == 0 and self._limits.workspace_bytes > 0,
        }
        self._cause = self._cause or next((name for name, is_so in passed.items() if is_so), None)

    def _measure(self) -> None:
        below = tree.descendants(self._process.child.pid)
        first = next(below, None)  # bubblewrap's own first process counts CPU, and no task
        own = tree.usage(iter(() if first is None else (first,)))
        guests = tree.usage(below)
        self._cpu_ns = max(self._cpu_ns, own.cpu_ns + guests.cpu_ns)
        self._memory_now = guests.memory_bytes
        self._hidden_now = max(0, guests.descriptors - FREE_DESCRIPTORS) * SOCKET_BYTES
        self._tasks_now = guests.tasks
        self._memory_peak = max(self._memory_peak, guests.memory_bytes)
        self._tasks_peak = max(self._tasks_peak, guests.tasks)

    _memory_now = 0
    _hidden_now = 0
    _tasks_now = 0

    def _stdout(self) -> None:
        self._read(self._process.stdout.fileno(), "stdout")

    def _stderr(self) -> None:
        self._read(self._process.stderr.fileno(), "stderr")

    def _read(self, fd: int, stream: Stream) -> bool:
        """Hand on one chunk; False when there is none now, or none ever again."""
        try:
            chunk = os.read(fd, CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not chunk:
            with suppress(KeyError):
                self._selector.unregister(fd)
            return False
        most = self._limits.output_bytes - self._meter.output_bytes
        room = self._meter.room(most)
        if len(chunk) > room:
            self._cause = self._cause or ("limit.output" if room == most else OVERDRAWN)
            chunk = chunk[:room]
        self._meter.output_bytes += len(chunk)
        if chunk:
            self._io.output(stream, chunk)
        return True

    def _drain(self) -> None:
        """Read what was written before the end; nothing lives that could write more."""
        names: tuple[Stream, Stream] = ("stdout", "stderr")
        for stream, pipe in zip(names, (self._process.stdout, self._process.stderr), strict=True):
            while self._meter.output_bytes < self._limits.output_bytes or self._cause is None:
                if not self._read(pipe.fileno(), stream):
                    break

    def _control(self) -> None:
        """Write what is queued, read what came."""
        control = self._process.control
        if self._queued:
            with suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                sent = control.send(self._queued)
                del self._queued[:sent]
        try:
            chunk = control.recv(CHUNK_BYTES)
            messages = list(self._incoming.feed(chunk))
            if messages:  # what the guest wrote before it spoke comes first
                self._stdout()
                self._stderr()
            for message in messages:
                self._message(message)
        except BlockingIOError:
            pass
        except ConnectionResetError:
            chunk = b""
            self._selector.unregister(control)
            return
        except ProtocolBroken:
            self._cause = self._cause or "protocol"
            return
        else:
            if not chunk:
                self._selector.unregister(control)
                return
        self._want()

    def _want(self) -> None:
        """Watch the socket for writing only while something is queued."""
        write = selectors.EVENT_WRITE if self._queued else 0
        with suppress(KeyError):
            self._selector.modify(
                self._process.control, selectors.EVENT_READ | write, self._control
            )

    def _message(self, message: tuple[bytes, ...]) -> None:
        match message:
            case (b"ask", request) if self._asked is None:
                too_many = self._meter.ask()
                if too_many is None:
                    self._ask(request)
                else:
                    self._cause = self._cause or too_many
            case (b"data", piece) if self._asked is None and isinstance(self._io, FedIo):
                self._io.data(piece)
            case (b"imports", *fields):
                self._imports = decoded(tuple(fields))
            case (b"outcome", code, cause) if code.isdigit() and len(code) < 4:  # noqa: PLR2004
                told = cause.decode("ascii", "replace")
                if told not in _TOLD_CAUSES:
                    raise ProtocolBroken(f"an outcome with cause {told[:40]!r}")
                self._tick()
                self._outcome = (int(code), told)
                self._queued += wire.pack(b"over")
            case _:
                raise ProtocolBroken(f"a message of {len(message)} fields that no guest sends")

    def _ask(self, request: bytes) -> None:
        """Answer now, or when the descriptor that the answer waits for is readable."""
        fd = self._io.waits_for(request) if isinstance(self._io, WaitingIo) else None
        if fd is None:
            self._answer(request)
            return
        self._asked, self._awaited = request, fd
        try:
            self._selector.register(fd, selectors.EVENT_READ, lambda: self._answer_waiting(fd))
        except PermissionError:  # a regular file is always ready, and epoll refuses it
            self._asked = self._awaited = None
            self._answer(request)

    def _give_up_waiting(self) -> None:
        """The guest's own wait ends by the signal it gets; a late answer would be another's."""
        if self._awaited is not None:
            self._selector.unregister(self._awaited)
            self._asked = self._awaited = None

    def _answer_waiting(self, fd: int) -> None:
        self._selector.unregister(fd)
        request = self._asked
        self._asked = self._awaited = None
        if request is not None:
            self._answer(request)
            self._want()

    def _answer(self, request: bytes) -> None:
        self._answering = True
        try:
            answer = self._io.answer(request)
        except KeyboardInterrupt:
            if not self._interrupts:
                self.interrupt()
            return  # the guest's own wait ends by the signal it gets
        finally:
            self._answering = False
        self._queued += wire.pack(answer)

    def _ended(self) -> GuestExit:
        space = os.fstatvfs(self._process.workspace_fd)
        if max(self._process.inodes()) > self._limits.files:
            self._cause = self._cause or "limit.files"
        code, cause = self._verdict(self._process.child.returncode)
        return GuestExit(
            code,
            cause,
            Usage(
                wall_ns=time.monotonic_ns() - self._start_ns,
                cpu_ns=self._cpu_ns,
                memory_peak_bytes=self._memory_peak,
                processes_peak=self._tasks_peak,
                output_bytes=self._meter.output_bytes,
                workspace_bytes=(space.f_blocks - space.f_bfree) * space.f_frsize,
                files=space.f_files - space.f_ffree,
                requests=self._meter.requests,
                tokens=self._meter.tokens,
            ),
            self._layers,
            self._imports,
        )

    def _verdict(self, status: int) -> tuple[int, str]:
        """Code and cause: ours when we ended it, else the guest's; ``status`` is bubblewrap's."""
        cause = self._cause or ("interrupted" if self._seen_interrupts else None)
        if cause is not None:
            return _ENDED_BY_US.get(cause, LIMIT_CODE), cause
        if self._outcome is not None and self._outcome[0] == status:
            told = self._outcome[1]
            if told == SPENT and not self._meter.spent:
                told = "exit"  # its own word only: what it spent is counted here
            return (LIMIT_CODE if told != "exit" else status), told
        number = status - _SIGNALLED if status > _SIGNALLED else -status
        if number == signal.SIGXCPU:
            return LIMIT_CODE, "limit.cpu"
        if number == signal.SIGKILL and self._process.out_of_memory:
            return LIMIT_CODE, "limit.memory"
        if 0 < number < signal.NSIG:
            # Bubblewrap itself was struck, to which no guest can send anything, or the guest.
            told = KILLED if status < 0 else f"signal:{_signal_name(number)}"
            return _SIGNALLED + number, told
        return status, "exit"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"


def _job_message(job: Job, workspace_fd: int) -> bytes:
    """The job as the guest's boot reads it."""
    return wire.pack(
        b"job",
        str(job.tier).encode(),
        str(job.entry).encode(),
        os.fsencode(job.target),
        b"\0".join(os.fsencode(word) for word in job.arguments),
        b"%d" % len(job.arguments),
        job.seed,
        b"%d" % job.clock_start_ns,
        b"\0".join(word.encode() for word in resolved(job.imports, workspace_fd)),
        b"" if job.token_budget is None else b"%d" % job.token_budget,
        os.fsencode(job.watch),
    )
