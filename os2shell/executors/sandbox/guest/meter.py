"""A budget of tokens: ends the program at the very byte or request that would be one too many.

One token pays a request to the host, or a started four bytes of both streams together. The host
counts too and is who enforces; what is done here makes the end the same at every replay, files
included, because the program stops before it does anything further. Installed only under a budget.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined,misc,assignment"

import _thread
import io
import os
import posix
import sys

from .calls import leave
from .channel import Channel
from .clock import named

LIMIT_CODE = 124
CAUSE = "token_budget"
BYTES_PER_TOKEN = 4
_STREAMS = (1, 2)


class Meter:
    """What is left, and the end when nothing is."""

    def __init__(self, budget: int, tell) -> None:
        self._budget = budget
        self._tell = tell
        self._requests = 0
        self._written = 0
        self._lock = _thread.allocate_lock()
        self._write = posix.write
        self._leave = leave

    def ask(self) -> None:
        """Pay one request, or end here."""
        with self._lock:
            if self._requests - (-self._written // BYTES_PER_TOKEN) >= self._budget:
                self._end()
            self._requests += 1

    def write(self, fd, data) -> int:
        """Write what is paid for; end here if that is not all of it."""
        with self._lock:
            room = (self._budget - self._requests) * BYTES_PER_TOKEN - self._written
            if len(data) <= room:
                count = self._write(fd, data)
                self._written += count
                return count
            data = data[:room]
            while data:
                count = self._write(fd, data)
                data = data[count:]
            self._end()
        return 0

    def _end(self) -> None:
        self._tell(LIMIT_CODE, CAUSE)
        self._leave(LIMIT_CODE)


def install(budget: int, channel: Channel, tell) -> None:
    """Meter requests, ``sys.stdout``, ``sys.stderr`` and ``os.write``."""
    meter = Meter(budget, tell)
    _meter_requests(channel, meter)
    _meter_os(meter)
    for name, fd in (("stdout", 1), ("stderr", 2)):
        stream = _metered(getattr(sys, name), fd, meter)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _meter_requests(channel: Channel, meter: Meter) -> None:
    real = channel.ask

    def ask(request: bytes, stack=None, data=()) -> bytes:
        if not channel.cut:  # a forked child has nobody to ask
            meter.ask()
        return real(request, stack, data)

    channel.ask = ask


def _meter_os(meter: Meter) -> None:
    real_write, real_writev = os.write, os.writev

    def write(fd, data, /):
        if fd in _STREAMS:
            return meter.write(fd, memoryview(data).cast("B"))
        return real_write(fd, data)

    def writev(fd, buffers, /):
        if fd in _STREAMS:
            return meter.write(fd, memoryview(b"".join(buffers)))
        return real_writev(fd, buffers)

    os.write = named(write, "posix", "write")
    os.writev = named(writev, "posix", "writev")


def _metered(old, fd: int, meter: Meter):
    """A stream like ``old`` whose every byte is paid."""

    class FileIO(io.FileIO):
        def write(self, data, /):
            return meter.write(fd, memoryview(data).cast("B"))

    FileIO.__module__ = "_io"
    FileIO.__qualname__ = "FileIO"
    raw = FileIO(fd, "wb", closefd=False)
    raw.name = old.name
    unbuffered = isinstance(old.buffer, io.FileIO)
    stream = io.TextIOWrapper(
        raw if unbuffered else io.BufferedWriter(raw),
        old.encoding, old.errors, "\n", old.line_buffering, old.write_through,
    )  # fmt: skip
    stream.mode = "w"
    return stream
