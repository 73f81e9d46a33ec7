"""The guest's standard input: asked of the host piece by piece, so that every piece is recorded."""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined,misc"

import builtins
import io
import os
import sys

from .channel import Channel
from .clock import named

_BUFFER_BYTES = 1 << 16


class Raw(io.RawIOBase):
    """Descriptor 0, as the guest sees it."""

    name = "<stdin>"
    mode = "rb"

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def readable(self):
        """Always."""
        return True

    def fileno(self):
        """The descriptor it stands for."""
        return 0

    def isatty(self):
        """Never: what is typed comes through the host."""
        return False

    def readinto(self, buffer):
        """Ask for one piece."""
        view = memoryview(buffer).cast("B")
        data = self._channel.ask(b"stdin.read %d" % len(view)) if len(view) else b""
        view[: len(data)] = data
        return len(data)


def install(channel: Channel) -> None:
    """Put the host's answers behind ``sys.stdin``, ``os.read(0, n)`` and ``open(0)``."""

    def wrapped(closefd=True):
        return io.BufferedReader(Raw(channel), _BUFFER_BYTES)

    real_read, real_open = os.read, builtins.open

    def read(fd, size, /):
        if fd == 0:
            return channel.ask(b"stdin.read %d" % size) if size > 0 else b""
        return real_read(fd, size)

    def open(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, *rest, **more):
        if (type(file) is int and file == 0) or file == "/dev/stdin":
            if "b" in mode:
                return Raw(channel) if buffering == 0 else wrapped()
            return io.TextIOWrapper(wrapped(), encoding or "utf-8", errors, newline)
        return real_open(file, mode, buffering, encoding, errors, newline, *rest, **more)

    os.read = named(read, "posix", "read")
    builtins.open = io.open = named(open, "_io", "open")
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(wrapped(), "utf-8", "strict")
    sys.stdin.mode = "r"
