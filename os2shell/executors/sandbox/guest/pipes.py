"""Pipes and sockets between threads: none waits in the kernel for what another one will do.

Put in place when the first further thread starts (``install``), sockets when their module is
imported. A wait gives the baton up until the descriptor is ready; a write hands over what there is
room for. With one thread everything is the real call. Known limit: two threads in one buffered file
wait for its own lock, in C, where no baton moves; such a run ends by its time limit.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined,no-any-return,assignment,override,misc"

import builtins
import io
import os
import posix
import stat

from . import locks
from .clock import CLOCK, named

_ATOMIC_BYTES = 4096
_PIECE_BYTES = 1 << 16
_IN, _OUT = 1, 4
_FIRST_OWN = 3


def _several() -> bool:
    baton = locks.WORLD.baton
    return baton is not None and len(baton.tasks) > 1


def _await(fd: int, events: int, timeout=None) -> None:
    """Return when ``fd`` is ready (or in error); TimeoutError after ``timeout`` seconds."""
    import select

    poll = select.poll()
    poll = getattr(poll, "_real", poll)
    poll.register(fd, events)
    deadline = None if timeout is None else CLOCK.now + int(timeout * 1_000_000_000)
    while not poll.poll(0):
        if deadline is not None and CLOCK.now >= deadline:
            raise TimeoutError("timed out")
        locks.WORLD.baton.wait(lambda: not poll.poll(0), deadline, "a descriptor", outside=True)


def _talks(fd: int) -> bool:
    mode = posix.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


class FileIO(io.FileIO):
    """A file that is an end of a pipe or of a socket pair."""

    def readinto(self, buffer, /):
        """As io.FileIO."""
        if _several():
            _await(self.fileno(), _IN)
        return super().readinto(buffer)

    def read(self, size=-1, /):
        """As io.FileIO."""
        if size is None or size < 0:
            return self.readall()
        if _several():
            _await(self.fileno(), _IN)
        return super().read(size)

    def readall(self):
        """As io.FileIO."""
        pieces = []
        while piece := self.read(_PIECE_BYTES):
            pieces.append(piece)
        return b"".join(pieces)

    def write(self, data, /):
        """As io.FileIO; less than all where the pipe has no room."""
        if not _several():
            return super().write(data)
        _await(self.fileno(), _OUT)
        return super().write(memoryview(data).cast("B")[:_ATOMIC_BYTES])


def install() -> None:
    """Put waits that others can run in behind ``os.read``, ``os.write`` and ``open(number)``."""
    real_read, real_write, real_open = os.read, os.write, builtins.open

    def read(fd, size, /):
        if fd >= _FIRST_OWN and _several() and _talks(fd) and os.get_blocking(fd):
            _await(fd, _IN)
        return real_read(fd, size)

    def write(fd, data, /):
        if fd < _FIRST_OWN or not _several() or not _talks(fd) or not os.get_blocking(fd):
            return real_write(fd, data)
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view) or not done:
            _await(fd, _OUT)
            done += real_write(fd, view[done : done + _ATOMIC_BYTES])
            if not view:
                break
        return done

    def open(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, *rest, **more):
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

    os.read = posix.read = named(read, "posix", "read")
    os.write = posix.write = named(write, "posix", "write")
    builtins.open = io.open = named(open, "_io", "open")


def patch_socket(module) -> None:
    """The methods that wait; a socket's own timeout is virtual time."""
    cls = module.socket
    for name in ("recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "accept"):
        setattr(cls, name, _ready_first(getattr(cls, name), name, _IN))
    for name in ("sendto", "sendmsg"):
        setattr(cls, name, _ready_first(getattr(cls, name), name, _OUT))
    real_send = cls.send

    def send(self, data, flags=0, /):
        if not _several() or self.gettimeout() == 0:
            return real_send(self, data, flags)
        _await(self.fileno(), _OUT, self.gettimeout())
        return real_send(self, data, flags | module.MSG_DONTWAIT)

    real_sendall = cls.sendall

    def sendall(self, data, flags=0, /):
        if not _several() or self.gettimeout() == 0:
            return real_sendall(self, data, flags)
        view = memoryview(data).cast("B")
        while view:
            view = view[send(self, view, flags) :]
        return None

    cls.send = named(send, "socket", "send")
    cls.sendall = named(sendall, "socket", "sendall")


def _ready_first(real, name: str, events: int):
    def method(self, *args, **options):
        if _several() and self.gettimeout() != 0:
            _await(self.fileno(), events, self.gettimeout())
        return real(self, *args, **options)

    return named(method, "socket", name)
