"""The guest's end of the control socket: u32 length, then fields of u32 length and bytes each.

A request is followed by NUL and the stack that it came from, the innermost frame first, so that a
replay can say where its guest stood when it asked for something else than was recorded.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,type-arg"

import _socket
import _thread
import errno
import os
import posix
import sys

from .clock import named
from .net import identity

NUMBER = 1000
"""Of the descriptor: beyond those that a program closes before it becomes a daemon."""
_HEAD = 4
_FRAMES = 24
_NAME_CHARACTERS = 300
_STACK_BYTES = 1 << 14
_OURS = "/os2/"
_LIBRARY = ("/py/", "<frozen ")


class Channel:
    """One request at a time; other threads wait. A forked child has none: its parent owns the line.

    Whoever closes descriptors below Python has none either, and what took the number is not spoken to.
    """

    def __init__(self, sock: _socket.socket) -> None:
        self._sock = sock
        self._lock = _thread.allocate_lock()
        self._cut = False
        self._identity = identity(sock.fileno())

    @property
    def cut(self) -> bool:
        """Whether there is nobody to speak to any more."""
        try:
            self._cut = self._cut or identity(self._sock.fileno()) != self._identity
        except OSError:
            self._cut = True
        return self._cut

    def hang_up(self) -> None:
        """Speak no more."""
        self._cut = True

    def send(self, *fields: bytes) -> None:
        """Send one message."""
        body = b"".join([len(field).to_bytes(_HEAD, "big") + field for field in fields])
        data = memoryview(len(body).to_bytes(_HEAD, "big") + body)
        while data:
            data = data[self._sock.send(data) :]

    def receive(self) -> "list[bytes]":
        """Wait for one message; its fields."""
        return fields_of(self._exactly(int.from_bytes(self._exactly(_HEAD), "big")))

    def ask(self, request: bytes, stack: "bytes | None" = None, data=()) -> bytes:
        """Ask the host and wait for its answer; b"" where there is nobody to ask.

        ``data`` are pieces of what the request is about, sent before it.
        """
        if self.cut:
            return b""
        if stack is None:
            stack = stack_of(sys._getframe(1))
        with self._lock:
            for piece in data:
                self.send(b"data", piece)
            self.send(b"ask", request + b"\0" + stack)
            return self.receive()[0]

    def _exactly(self, size: int) -> bytearray:
        # Filled in place, so that the size of what the kernel hands over at once moves no addresses.
        data = bytearray(size)
        rest = memoryview(data)
        while rest:
            count = self._sock.recv_into(rest)
            if not count:
                raise EOFError("the host is gone")
            rest = rest[count:]
        return data


def keep_open(channel: Channel) -> None:
    """To ``os`` and ``posix`` the channel's descriptor is not there, to be closed least of all."""
    kept = channel._sock.fileno()
    real_close, real_closerange = os.close, os.closerange

    def close(fd):
        if fd == kept:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        real_close(fd)

    def closerange(fd_low, fd_high, /):
        real_closerange(fd_low, min(fd_high, kept))
        real_closerange(max(fd_low, kept + 1), fd_high)

    for function in (close, closerange):
        setattr(os, function.__name__, named(function, "posix", function.__name__))
        setattr(posix, function.__name__, function)


def fields_of(body) -> "list[bytes]":
    """The fields of one message's body."""
    fields = []
    position = 0
    while position < len(body):
        start = position + _HEAD
        position = start + int.from_bytes(body[position:start], "big")
        fields.append(bytes(body[start:position]))
    return fields


def stack_of(frame, calls=None) -> bytes:
    """Line, first and last column, function and file of each frame that is not this runtime's.

    ``calls`` gives pairs of code and last instruction instead of live frames. Columns (bytes, from
    0; -1 unknown) are looked up for the innermost frame of the program alone: the search is linear.
    """
    if calls is None:
        calls = _calls(frame)
    parts: list = []
    placed = False
    for code, instruction in calls:
        file = code.co_filename
        if file.startswith(_OURS) or "os2guest" in code.co_names:
            continue
        own = not placed and not file.startswith(_LIBRARY)
        placed = placed or own
        parts += (*_place(code, instruction, own), code.co_qualname, file)
        if len(parts) >= 5 * _FRAMES:
            break
    words = [str(part)[:_NAME_CHARACTERS].replace("\0", "?") for part in parts]
    return "\0".join(words).encode("utf-8", "backslashreplace")[:_STACK_BYTES]


def _calls(frame):
    while frame is not None:
        yield frame.f_code, frame.f_lasti
        frame = frame.f_back


def _place(code, instruction: int, exactly: bool):
    """Line and columns; a span of several lines ends with its first."""
    line = code.co_firstlineno
    if not exactly:
        for start, end, number in code.co_lines():
            if start <= instruction < end:
                return (line if number is None else number), -1, -1
        return line, -1, -1
    for index, position in enumerate(code.co_positions()):
        if 2 * index == instruction:
            first, last, start, end = position
            if first is None:
                break
            return (
                first,
                -1 if start is None else start,
                -1 if end is None or last != first else end,
            )
    return line, -1, -1
