"""The guest's entropy: one keyed BLAKE2b counter stream (RFC 7693) from the job's seed.

A forked child goes on with a stream of its own, named by the number of the fork. The devices' names
give the stream; what opens them past these names (a link, C code, a bare system call) reads a file
that lies over the device: the stream's first block of its own, the same at each opening.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined,no-any-return"

import _io
import _thread
import builtins
import io
import os
import posix
import sys

from _blake2 import blake2b

from . import procfiles
from .clock import named

_DEVICES = ("/dev/urandom", "/dev/random", b"/dev/urandom", b"/dev/random")
_DESCRIPTOR_BYTES = 1 << 16
_FILE_BYTES = 1 << 14


class Stream:
    """The stream, its key, and how far it was read."""

    def __init__(self) -> None:
        self.key = b""
        self.counter = self.forks = 0
        self.buffer = b""
        self.lock = _thread.allocate_lock()

    def draw(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        with self.lock:
            parts = [self.buffer]
            have = len(self.buffer)
            while have < size:
                block = self.counter.to_bytes(16, "little")
                parts.append(blake2b(block, key=self.key, person=b"os2 guest").digest())
                self.counter += 1
                have += 64
            data = b"".join(parts)
            self.buffer = data[size:]
            return data[:size]

    def fork(self) -> None:
        """Go on as a child: another key, a free lock."""
        self.lock = _thread.allocate_lock()
        label = b"fork %d" % self.forks
        self.key = blake2b(label, key=self.key, digest_size=32, person=b"os2 fork").digest()
        self.counter = self.forks = 0
        self.buffer = b""

    def forked(self) -> None:
        """Count one more child."""
        self.forks += 1


STREAM = Stream()


class Device(io.RawIOBase):
    """What ``open("/dev/urandom", "rb")`` gives."""

    name = "/dev/urandom"
    mode = "rb"

    def readable(self):
        """Always."""
        return True

    def readinto(self, buffer):
        """Fill all of ``buffer``."""
        view = memoryview(buffer).cast("B")
        view[:] = STREAM.draw(len(view))
        return len(view)


def urandom(size, /):
    """As os.urandom."""
    if size < 0:
        raise ValueError("negative argument not allowed")
    return STREAM.draw(size)


def getrandom(size, flags=0):
    """As os.getrandom."""
    return STREAM.draw(size)


def hold_devices() -> "list[int]":
    """Descriptors of the files over the devices, while they may still be opened for writing."""
    return [os.open(name, os.O_WRONLY | os.O_CLOEXEC) for name in _DEVICES[:2]]


def install(seed: bytes, devices=()) -> None:
    """Put the stream behind ``os``, ``posix`` and the devices' names; fill and close ``devices``."""
    STREAM.key = seed
    for number in devices:
        os.write(number, _file_content(seed))
        os.fchmod(number, 0o444)
        os.close(number)
    for module in (os, posix):
        module.urandom = named(urandom, "posix", "urandom")
        module.getrandom = named(getrandom, "posix", "getrandom")
    os.register_at_fork(after_in_child=_forked_child, after_in_parent=STREAM.forked)
    _install_devices()


def _file_content(seed: bytes) -> bytes:
    return b"".join(
        [
            blake2b(b"%d" % number, key=seed, person=b"os2 device").digest()
            for number in range(_FILE_BYTES // 64)
        ]
    )


def _forked_child() -> None:
    """The child's stream, and a seed of its own for the generator that ``random`` hands out."""
    STREAM.fork()
    module = sys.modules.get("random")
    if module is not None:
        module._inst.seed()


def _install_devices() -> None:
    real_open, real_os_open = builtins.open, os.open

    def open(file, mode="r", buffering=-1, *rest, **named_rest):
        if file in _DEVICES if isinstance(file, (str, bytes)) else _is_device(file):
            raw = Device()
            return raw if buffering == 0 else io.BufferedReader(raw)
        if not isinstance(file, int):
            stand_in = procfiles.shown(file, real_os_open)
            if stand_in is not None:
                return real_open(
                    _unnamed(real_os_open, stand_in), mode, buffering, *rest, **named_rest
                )
        return real_open(file, mode, buffering, *rest, **named_rest)

    def os_open(path, flags, mode=0o777, *, dir_fd=None):
        if path in _DEVICES if isinstance(path, (str, bytes)) else _is_device(path):
            return _unnamed(real_os_open, STREAM.draw(_DESCRIPTOR_BYTES))
        stand_in = procfiles.shown(path, real_os_open)
        if stand_in is not None:
            return _unnamed(real_os_open, stand_in)
        return real_os_open(path, flags, mode, dir_fd=dir_fd)

    builtins.open = io.open = _io.open = named(open, "_io", "open")
    os.open = posix.open = named(os_open, "posix", "open")


def _unnamed(real_open, content: bytes) -> int:
    """A descriptor that reads ``content``, and that no path leads to."""
    file = real_open("/tmp", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o444)
    os.write(file, content)
    os.lseek(file, 0, os.SEEK_SET)
    return file


def _is_device(path) -> bool:
    return not isinstance(path, int) and str(path) in _DEVICES
