"""Calls that may wait for another thread or process: in place from the guest's first line, and thin.

A guest may take them from ``os`` before it starts anything; so each looks, when it is called, whether
there is anybody to wait for. ``pipes`` and ``reaping`` hold what is then done instead.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,type-arg,assignment,misc"

import os
import posix
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

from . import net
from .clock import named
from .locks import WORLD

real_open, real_close, real_read, real_write = posix.open, posix.close, posix.read, posix.write
real_pipe, real_pipe2, real_lockf = posix.pipe, posix.pipe2, posix.lockf
real_fstat, real_stat, real_waitid = posix.fstat, posix.stat, posix.waitid
real_fork, real_kill, leave = posix.fork, posix.kill, posix._exit
STREAMS: "list[int]" = []
"""Device and inode of the run's two outputs: whoever reads there is no process of the guest's."""


class Later:
    """What is loaded before the first further thread or process; no call may import any more."""

    pipes: "Any" = None
    reaping: "Any" = None
    signals: "Any" = None


LATER = Later()


def others() -> bool:
    """Whether another process of the run lives."""
    return WORLD.relay is not None and WORLD.relay.several()


def several() -> bool:
    """Whether anybody else could run: another thread, another process."""
    baton = WORLD.baton
    return baton is not None and (len(baton.tasks) > 1 or others())


def install(first_pipe) -> None:
    """Put them behind ``os`` and ``posix``.

    ``first_pipe`` is called before a pipe is made: files over its ends may wait for a later child.
    """
    if not STREAMS:
        for number in (1, 2):
            STREAMS.extend(net.identity(number) if _stat(number) is not None else (0, 0))
    for function in (*_descriptors(first_pipe), *_children(), *_ends()):
        named(function, "posix", function.__name__)
        setattr(os, function.__name__, function)
        setattr(posix, function.__name__, function)
    os.supports_dir_fd.add(os.open)


def _stat(number: int):
    try:
        return real_fstat(number)
    except OSError:
        return None


def _descriptors(first_pipe) -> tuple:
    stdin_read = os.read  # the host's answers behind descriptor 0, where there is a host

    def read(fd, size, /):
        if WORLD.several:
            LATER.pipes.before_read(fd)
        return stdin_read(fd, size)

    real_readv, real_writev = os.readv, os.writev
    real = os.write  # metered, where output is paid

    def write(fd, data, /):
        if WORLD.several and LATER.pipes.waits(fd):
            return LATER.pipes.write(fd, data)
        return real(fd, data)

    def readv(fd, buffers, /):
        if WORLD.several:
            LATER.pipes.before_read(fd)
        return real_readv(fd, buffers)

    def writev(fd, buffers, /):
        if WORLD.several and LATER.pipes.waits(fd):
            return LATER.pipes.write(fd, b"".join(buffers))
        return real_writev(fd, buffers)

    def pipe():
        first_pipe()
        return real_pipe()

    def pipe2(flags, /):
        first_pipe()
        return real_pipe2(flags)

    def lockf(fd, command, length, /):
        if command != os.F_LOCK or not several():
            return real_lockf(fd, command, length)
        return LATER.reaping.taken(lambda: real_lockf(fd, os.F_TLOCK, length))

    real_dup2 = os.dup2

    def dup2(fd, fd2, inheritable=True):
        made = real_dup2(fd, fd2, inheritable)
        if WORLD.several and made in (1, 2):
            LATER.pipes.adopt(made)
        return made

    return read, write, readv, writev, pipe, pipe2, lockf, dup2, _opening()


def _opening():
    real = os.open

    def open(path, flags, mode=0o777, *, dir_fd=None):
        if WORLD.several and not flags & (os.O_NONBLOCK | os.O_RDWR):
            refuse_named(path, dir_fd)
        return real(path, flags, mode, dir_fd=dir_fd)

    return open


def refuse_named(path, dir_fd=None) -> None:
    """Refuse a pipe with a name where somebody else could run: opening it waits in the kernel."""
    if not several():
        return
    try:
        found = real_stat(path, dir_fd=dir_fd)
    except (OSError, TypeError, ValueError):
        return  # the real call says it
    if stat.S_ISFIFO(found.st_mode):
        raise OSError(
            95,
            "opening a named pipe waits outside the order of threads and processes, and is refused; "
            "use os.pipe, a socket, or O_RDWR",
            os.fsdecode(path),
        )


def keep(*numbers: int) -> None:
    """Let no loop over all descriptors close these."""
    real_range = os.closerange

    def close(fd):
        if fd in numbers:
            raise OSError(9, "Bad file descriptor")
        real_close(fd)

    def closerange(fd_low, fd_high, /):
        for low, high in zip((-1, *numbers), (*numbers, fd_high)):
            real_range(max(fd_low, low + 1), min(fd_high, high))

    for function in (close, closerange):
        setattr(os, function.__name__, named(function, "posix", function.__name__))
        setattr(posix, function.__name__, function)


def _children() -> tuple:
    real_waitpid, real_wait, real_wait3, real_wait4 = os.waitpid, os.wait, os.wait3, os.wait4

    def until(kind, ident, options) -> None:
        if others():
            LATER.reaping.until(kind, ident, options)

    def waitpid(pid, options, /):
        until(*_meant(pid), options)
        return real_waitpid(pid, options)

    def wait():
        until(os.P_ALL, 0, 0)
        return real_wait()

    def wait3(options):
        until(os.P_ALL, 0, options)
        return real_wait3(options)

    def wait4(pid, options):
        until(*_meant(pid), options)
        return real_wait4(pid, options)

    def waitid(idtype, id, options, /):
        until(idtype, id, options)
        return real_waitid(idtype, id, options)

    return waitpid, wait, wait3, wait4, waitid


def _ends() -> tuple:
    def kill(pid, signal, /):
        if not WORLD.several:
            return real_kill(pid, signal)
        return LATER.signals.kill(pid, signal)

    def killpg(pgid, signal, /):
        return kill(-pgid, signal)

    told_leave = os._exit  # tells the outcome first, in the process that has the host's ear

    def _exit(status):
        if WORLD.relay is not None:
            WORLD.relay.publish()
        told_leave(status)

    return kill, killpg, _exit


def _meant(pid: int) -> "tuple[int, int]":
    """Kind and number for waitid, from what waitpid is given."""
    if pid > 0:
        return os.P_PID, pid
    if pid == -1:
        return os.P_ALL, 0
    return os.P_PGID, -pid or os.getpgrp()
