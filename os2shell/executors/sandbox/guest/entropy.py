"""The guest's entropy: one keyed BLAKE2b counter stream (RFC 7693) from the job's seed.

A forked child goes on with a stream of its own, named by the number of the fork.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined"

import _thread
import builtins
import io
import os

from _blake2 import blake2b

from .clock import named

_DEVICES = ("/dev/urandom", "/dev/random", b"/dev/urandom", b"/dev/random")
_DESCRIPTOR_BYTES = 1 << 16


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


def install(seed: bytes) -> None:
    """Put the stream behind ``os`` and the devices' names."""
    STREAM.key = seed
    os.urandom = named(urandom, "posix", "urandom")
    os.getrandom = named(getrandom, "posix", "getrandom")
    os.register_at_fork(after_in_child=STREAM.fork, after_in_parent=STREAM.forked)
    _install_devices()


def _install_devices() -> None:
    real_open, real_os_open = builtins.open, os.open

    def open(file, mode="r", buffering=-1, *rest, **named_rest):
        if file in _DEVICES if isinstance(file, (str, bytes)) else _is_device(file):
            raw = Device()
            return raw if buffering == 0 else io.BufferedReader(raw)
        return real_open(file, mode, buffering, *rest, **named_rest)

    def os_open(path, flags, mode=0o777, *, dir_fd=None):
        if path in _DEVICES if isinstance(path, (str, bytes)) else _is_device(path):
            file = os.memfd_create("urandom")
            os.write(file, STREAM.draw(_DESCRIPTOR_BYTES))
            os.lseek(file, 0, os.SEEK_SET)
            return file
        return real_os_open(path, flags, mode, dir_fd=dir_fd)

    builtins.open = io.open = named(open, "_io", "open")
    os.open = named(os_open, "posix", "open")


def _is_device(path) -> bool:
    return not isinstance(path, int) and str(path) in _DEVICES
