"""Waits for what another process of the run does: its end, a lock on a file, a signal.

Each is a test that never waits, made again whenever the relay comes by.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="type-arg,no-untyped-def,no-untyped-call,attr-defined,no-any-return,import-not-found"

import _signal
import os
import select

from . import calls, clock
from .clock import CLOCK, named
from .locks import WORLD


def _ended(kind, ident) -> bool:
    """Whether a wait for these would return at once."""
    try:
        found = calls.real_waitid(kind, ident, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return found is not None


def until(kind, ident, options) -> None:
    """Return when the real wait would return at once; one that only looks lets others run once."""
    if options & os.WNOHANG:
        if not _ended(kind, ident):
            WORLD.baton.turn()
        return
    while not _ended(kind, ident):
        WORLD.baton.wait(lambda: not _ended(kind, ident), None, "a child process", outside=True)


def ended(pid: int, seconds: float) -> bool:
    """Whether the child ends within so many seconds, which pass if it does not."""
    deadline = clock.after(seconds)
    while calls.others() and CLOCK.now < deadline and not _ended(os.P_PID, pid):
        WORLD.baton.wait(
            lambda: not _ended(os.P_PID, pid), deadline, "a child process", outside=True
        )
    if CLOCK.now >= deadline or _ended(os.P_PID, pid):
        return _ended(os.P_PID, pid)
    if not _ended_really(pid, seconds):
        clock.advance(seconds)
        return False
    return True


def _ended_really(pid: int, seconds: float) -> bool:
    """For a child that native code started: it needs real time."""
    try:
        watched = os.pidfd_open(pid)
    except OSError:
        return True
    try:
        return bool(select.real_select([watched], [], [], max(0, seconds))[0])
    finally:
        calls.real_close(watched)


def taken(attempt):
    """What ``attempt`` gives once it raises no more that somebody else has the lock."""
    outcome: list = []

    def blocked() -> bool:
        if not outcome:
            try:
                outcome.append((attempt(), None))
            except (BlockingIOError, PermissionError):
                return True
            except BaseException as error:
                outcome.append((None, error))
        return False

    while blocked():
        WORLD.baton.wait(blocked, None, "a lock on a file", outside=True)
    found, error = outcome[0]
    if error is not None:
        raise error
    return found


def patch_fcntl(module) -> None:
    """``flock``, ``lockf`` and the commands of ``fcntl`` that wait."""
    real_flock, real_lockf, real_fcntl = module.flock, module.lockf, module.fcntl
    waiting = {module.F_SETLKW: module.F_SETLK, module.F_OFD_SETLKW: module.F_OFD_SETLK}

    def flock(fd, operation, /):
        if operation & (module.LOCK_NB | module.LOCK_UN) or not calls.several():
            return real_flock(fd, operation)
        return taken(lambda: real_flock(fd, operation | module.LOCK_NB))

    def lockf(fd, cmd, len=0, start=0, whence=0, /):
        if cmd & (module.LOCK_NB | module.LOCK_UN) or not calls.several():
            return real_lockf(fd, cmd, len, start, whence)
        return taken(lambda: real_lockf(fd, cmd | module.LOCK_NB, len, start, whence))

    def fcntl(fd, cmd, arg=0, /):
        if cmd not in waiting or not calls.several():
            return real_fcntl(fd, cmd, arg)
        return taken(lambda: real_fcntl(fd, waiting[cmd], arg))

    for function in (flock, lockf, fcntl):
        setattr(module, function.__name__, named(function, "fcntl", function.__name__))


def patch_signal(module) -> None:
    """Waits for a signal, which another process may send; with timeouts they are of ``timers``."""
    real_wait, real_info, real_timed = module.sigwait, module.sigwaitinfo, module.sigtimedwait

    def sigwaitinfo(sigset, /):
        return _awaited(real_timed, sigset, None) if calls.others() else real_info(sigset)

    def sigwait(sigset, /):
        if not calls.others():
            return real_wait(sigset)
        return module.Signals(_awaited(real_timed, sigset, None).si_signo)

    def sigtimedwait(sigset, timeout, /):
        if not calls.others() or timeout <= 0:
            return real_timed(sigset, timeout)
        return _awaited(real_timed, sigset, clock.after(timeout))

    real_pause = module.pause

    def pause():
        if not calls.others():
            return real_pause()
        return WORLD.baton.wait(lambda: True, None, "a signal", outside=True)

    for function in (sigwait, sigwaitinfo, sigtimedwait, pause):
        named(function, "signal", function.__name__)
        setattr(module, function.__name__, function)
        setattr(_signal, function.__name__, function)


def _awaited(real_timed, sigset, deadline):
    """The first of these signals that is pending; None where ``deadline`` passes first."""

    def blocked() -> bool:
        return not set(sigset) & _signal.sigpending()

    while (found := real_timed(sigset, 0)) is None:
        if deadline is not None and CLOCK.now >= deadline:
            return None
        WORLD.baton.wait(blocked, deadline, "a signal", outside=True)
    return found
