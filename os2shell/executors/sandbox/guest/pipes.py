"""Pipes and sockets between threads and processes: none waits in the kernel for what another will do.

``calls`` asks here before it reads or writes by number; files over ends of pipes are ours from the
first pipe on (``install``), sockets from the import of their module; the streams of a program that
was started with pipes from its first line (``adopt_streams``). A wait gives the baton up until the
descriptor is ready; a write hands over what there is room for. With one thread in one process
everything is the real call. Known limit: two threads in one buffered file wait for its own lock, in
C, where no baton moves; such a run ends by its time limit.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined,no-any-return,assignment,override,misc"

import builtins
import io
import os
import select
import stat
import sys

from . import calls, locks, net
from .calls import several
from .clock import CLOCK, after, named

_ATOMIC_BYTES = 4096
_PIECE_BYTES = 1 << 16
_IN, _OUT = 1, 4
_FIRST_OWN = 3


def _await(fd: int, events: int, timeout=None) -> None:
    """Return when ``fd`` is ready (or in error); TimeoutError after ``timeout`` seconds."""
    poll = select.real_poll()
    poll.register(fd, events)
    if poll.poll(0):
        return
    deadline = None if timeout is None else after(timeout)
    while not poll.poll(0):
        if deadline is not None and CLOCK.now >= deadline:
            raise TimeoutError("timed out")
        locks.WORLD.baton.wait(lambda: not poll.poll(0), deadline, "a descriptor", outside=True)


def _talks(fd: int) -> bool:
    """Whether another end of ``fd`` is held in this run; who reads our two outputs is outside."""
    try:
        found = calls.real_fstat(fd)
    except OSError:
        return False
    if not stat.S_ISFIFO(found.st_mode) and not stat.S_ISSOCK(found.st_mode):
        return False
    here = [*net.identity(fd)]
    return here not in (calls.STREAMS[:2], calls.STREAMS[2:4])


def waits(fd) -> bool:
    """Whether a read or write by this number would wait for another thread or process."""
    return several() and type(fd) is int and _talks(fd) and os.get_blocking(fd)


def before_read(fd) -> None:
    """Return when ``fd`` can be read without a wait for another thread or process."""
    if waits(fd):
        _await(fd, _IN)


def write(fd, data) -> int:
    """As a write that waits: all of it, piece by piece."""
    view = memoryview(data).cast("B")
    done = 0
    while done < len(view) or not done:
        _await(fd, _OUT)
        done += calls.real_write(fd, view[done : done + _ATOMIC_BYTES])
        if not view:
            break
    return done


class FileIO(io.FileIO):
    """A file that is an end of a pipe or of a socket pair, unless ``dup2`` has made it another's."""

    def __init__(self, number, mode, closefd=True) -> None:
        super().__init__(number, mode, closefd)
        self.look()

    def look(self) -> None:
        """See again what the descriptor is."""
        self._talks = _talks(self.fileno())

    def _waits(self) -> bool:
        return self._talks and several() and os.get_blocking(self.fileno())

    def readinto(self, buffer, /):
        """As io.FileIO."""
        if self._waits():
            _await(self.fileno(), _IN)
        return super().readinto(buffer)

    def read(self, size=-1, /):
        """As io.FileIO."""
        if size is None or size < 0:
            return self.readall()
        if self._waits():
            _await(self.fileno(), _IN)
        return super().read(size)

    def readall(self):
        """As io.FileIO."""
        pieces = []
        while piece := self.read(_PIECE_BYTES):
            pieces.append(piece)
        return b"".join(pieces)

    def write(self, data, /):
        """As io.FileIO."""
        if not self._waits():
            return super().write(data)
        return write(self.fileno(), data)


class _State:
    installed = False


def install() -> None:
    """Have ``open(number)`` make files of ours over ends of pipes; a second time does nothing."""
    if _State.installed:
        return
    _State.installed = True
    FileIO.__module__ = "_io"
    real_open = builtins.open

    def open(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, *rest, **more):
        if not isinstance(file, int):
            calls.refuse_named(file)
        plain = type(file) is int and file >= _FIRST_OWN and "+" not in mode and not rest
        if not plain or more.get("opener") or not _talks(file) or not os.get_blocking(file):
            return real_open(file, mode, buffering, encoding, errors, newline, *rest, **more)
        raw = FileIO(file, mode.replace("t", "").replace("b", ""), more.get("closefd", True))
        if buffering == 0 and "b" in mode:
            return raw
        size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
        buffered = (io.BufferedReader if "r" in mode else io.BufferedWriter)(raw, size)
        if "b" in mode:
            return buffered
        text = io.TextIOWrapper(buffered, encoding, errors, newline, buffering == 1)
        text.mode = mode
        return text

    builtins.open = io.open = named(open, "_io", "open")


def adopt_streams() -> None:
    """Make the standard streams files of ours where they are ends of pipes within the run."""
    for number in range(_FIRST_OWN):
        adopt(number)


def adopt(number: int) -> None:
    """The same for one of them, which the program may have changed by ``dup2``."""
    name = ("stdin", "stdout", "stderr")[number]
    old = getattr(sys, name)
    buffer = getattr(old, "buffer", None)
    if type(buffer) is FileIO:
        buffer.look()
    elif type(buffer) in (io.FileIO, io.BufferedReader) and _talks(number):
        old.flush()
        mode = "r" if number == 0 else "w"
        raw = FileIO(number, mode, closefd=False)
        raw.name = old.name
        buffer = io.BufferedReader(raw) if number == 0 else raw
        newline = None if number == 0 else "\n"
        text = io.TextIOWrapper(
            buffer, old.encoding, old.errors, newline, old.line_buffering, old.write_through
        )
        text.mode = mode
        setattr(sys, name, text)
        setattr(sys, f"__{name}__", text)


def patch_socket(module) -> None:
    """The methods that wait; a socket's own timeout is virtual time."""
    cls = module.socket
    for name in ("recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "accept"):
        setattr(cls, name, _ready_first(getattr(cls, name), name, _IN))
    for name in ("sendto", "sendmsg"):
        setattr(cls, name, _ready_first(getattr(cls, name), name, _OUT))
    real_send = cls.send

    def send(self, data, flags=0, /):
        if not several() or self.gettimeout() == 0:
            return real_send(self, data, flags)
        _await(self.fileno(), _OUT, self.gettimeout())
        return real_send(self, data, flags | module.MSG_DONTWAIT)

    real_sendall = cls.sendall

    def sendall(self, data, flags=0, /):
        if not several() or self.gettimeout() == 0:
            return real_sendall(self, data, flags)
        view = memoryview(data).cast("B")
        while view:
            view = view[send(self, view, flags) :]
        return None

    cls.send = named(send, "socket", "send")
    cls.sendall = named(sendall, "socket", "sendall")


def _ready_first(real, name: str, events: int):
    def method(self, *args, **options):
        if several() and self.gettimeout() != 0:
            _await(self.fileno(), events, self.gettimeout())
        return real(self, *args, **options)

    return named(method, "socket", name)
