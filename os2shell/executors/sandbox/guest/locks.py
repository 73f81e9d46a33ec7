"""The locks that the guest's ``_thread`` gives out: real ones, tried first; a wait goes to the baton.

Rules: a lock here is taken without waiting or not at all; who cannot take one hands the baton on
(``baton.py``, loaded by the first wait or the first thread) and tries again when it comes back. So
a real lock never blocks a thread that holds the baton. ``release`` and ``__exit__`` are the real
lock's own C functions, kept in slots: nobody is told of a release, for whoever waits is asked
again whenever the baton moves. With one thread, taking costs a call of Python; from the first
further thread on every taking counts as a point at which the baton may move (``count_points``).
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined,no-any-return,assignment,misc"

import _thread
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAIN_IDENT = 1
_real_lock = _thread.allocate_lock
_real_rlock = _thread.RLock
_real_ident = _thread.get_ident
_real_start = _thread.start_new_thread
_real_native_id = _thread.get_native_id
_real_frames = sys._current_frames
_real_errors = sys._current_exceptions
_MAX_TIMEOUT = _thread.TIMEOUT_MAX


class World:
    """Whether there ever was a second thread or process, and what the baton needs to begin."""

    __slots__ = ("baton", "leave", "make", "points", "relay", "seed", "several", "tell")

    def __init__(self) -> None:
        self.baton: "Any" = None
        self.relay: "Any" = None
        self.make: "Any" = None
        self.several = False
        self.points = 1 << 60
        self.seed = b""
        self.tell: "Any" = None
        self.leave: "Any" = None


WORLD = World()


def scheduler():
    """The baton, made when first needed."""
    if WORLD.baton is None:
        WORLD.baton = WORLD.make(WORLD)
    return WORLD.baton


class lock:  # noqa: N801 - the name it stands for
    """A lock object is a synchronization primitive."""

    __slots__ = ("__exit__", "__weakref__", "_take", "locked", "release")

    def __init__(self) -> None:
        real = _real_lock()
        self._take = real.acquire
        self.release = real.release
        self.locked = real.locked
        self.__exit__ = real.__exit__

    def __enter__(self):
        return True if self._take(False) else _wait(self, True, -1)

    def acquire(self, blocking=True, timeout=-1):
        """Take the lock, waiting where ``blocking`` and ``timeout`` allow."""
        if timeout == -1 and self._take(False):
            return True
        return _wait(self, blocking, timeout)

    acquire_lock = acquire

    def release_lock(self):
        """As release."""
        self.release()

    def locked_lock(self):
        """As locked."""
        return self.locked()

    def _at_fork_reinit(self):
        self._take.__self__._at_fork_reinit()

    def __reduce_ex__(self, protocol):
        raise TypeError("cannot pickle '_thread.lock' object")

    def __repr__(self):
        state = "locked" if self.locked() else "unlocked"
        return f"<{state} _thread.lock object at {id(self):#x}>"


class RLock:
    """A reentrant lock: its owner, and nobody else, may take it again."""

    __slots__ = (
        "__exit__",
        "__weakref__",
        "_is_owned",
        "_real",
        "_release_save",
        "_take",
        "release",
    )

    def __init__(self) -> None:
        self._real = real = _real_rlock()
        self._take = real.acquire
        self.release = real.release
        self.__exit__ = real.__exit__
        self._is_owned = real._is_owned
        self._release_save = real._release_save

    def __enter__(self):
        return True if self._take(False) else _wait(self, True, -1)

    def acquire(self, blocking=True, timeout=-1):
        """Take the lock, waiting where ``blocking`` and ``timeout`` allow."""
        if timeout == -1 and self._take(False):
            return True
        return _wait(self, blocking, timeout)

    def locked(self):
        """Whether somebody holds it; asked by the baton, and as RLock.locked of Python 3.14."""
        if self._is_owned():
            return True
        if self._take(False):
            self.release()
            return False
        return True

    def _acquire_restore(self, state):
        self.acquire()
        for _ in range(state[0] - 1):
            self._take(False)

    def _recursion_count(self):
        return self._real._recursion_count()

    def _at_fork_reinit(self):
        self._real._at_fork_reinit()

    def __reduce_ex__(self, protocol):
        raise TypeError("cannot pickle '_thread.RLock' object")

    def __repr__(self):
        # The real one says: <locked _thread.RLock object owner=N count=…
        words = repr(self._real).partition(" count=")
        state, count = words[0].split()[0], words[2].split()[0]
        owner = scheduler().ident_of(words[0]) if state == "<locked" else 0
        return f"{state} _thread.RLock object owner={owner} count={count} at {id(self):#x}>"


def _wait(taken, blocking, timeout):
    """Take what could not be taken at once; arguments are judged as C judges them."""
    if not blocking:
        if timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        return taken._take(False)
    if timeout != -1:
        if timeout < 0:
            raise ValueError("timeout value must be a non-negative number")
        if timeout > _MAX_TIMEOUT:
            raise OverflowError("timeout value is too large")
        if taken._take(False):
            return True
        if timeout == 0:
            return False
    return scheduler().take(taken, None if timeout == -1 else timeout)


def _counted(self):
    WORLD.points = points = WORLD.points - 1
    if points < 0:
        WORLD.baton.turn()
    return True if self._take(False) else _wait(self, True, -1)


def _counted_acquire(self, blocking=True, timeout=-1):
    WORLD.points = points = WORLD.points - 1
    if points < 0 and blocking:
        WORLD.baton.turn()
    if timeout == -1 and self._take(False):
        return True
    return _wait(self, blocking, timeout)


def count_points() -> None:
    """From now on each taking of any lock may move the baton."""
    for kind in (lock, RLock):
        kind.__enter__ = _counted
        kind.acquire = _counted_acquire
    lock.acquire_lock = _counted_acquire


def _start_new_thread(function, args, kwargs=None, /):
    """As _thread.start_new_thread: the new thread waits for the baton; its name is its number."""
    if not callable(function):
        raise TypeError("first arg must be callable")
    if not isinstance(args, tuple):
        raise TypeError("2nd arg must be a tuple")
    if kwargs is not None and not isinstance(kwargs, dict):
        raise TypeError("optional 3rd arg must be a dictionary")
    return scheduler().start(function, args, kwargs or {}).ident


def _get_ident():
    return WORLD.baton.current.ident if WORLD.baton is not None else MAIN_IDENT


def _count():
    return len(WORLD.baton.tasks) - 1 if WORLD.baton is not None else 0


def _set_sentinel():
    """A lock that is released when the calling thread has ended."""
    return scheduler().sentinel()


def install(seed: bytes, tell, leave, make) -> None:
    """Put our locks and threads behind ``_thread``, before anything of the guest's looks there.

    ``make`` gives the baton of a world; it is asked at the first wait or the first thread.
    """
    from .clock import named

    WORLD.seed, WORLD.tell, WORLD.leave, WORLD.make = seed, tell, leave, make
    lock.__module__ = RLock.__module__ = "_thread"
    lock.acquire.__qualname__ = "lock.acquire"
    allocate = (
        lock
        if _thread.allocate_lock is getattr(_thread, "lock", None)
        else named(_allocate, "_thread", "allocate_lock")
    )
    for name in ("allocate_lock", "allocate"):
        setattr(_thread, name, allocate)
    for name in ("LockType", "lock"):
        if hasattr(_thread, name):
            setattr(_thread, name, lock)
    _thread.RLock = RLock
    for name, function in (
        ("start_new_thread", _start_new_thread), ("start_new", _start_new_thread),
        ("get_ident", _get_ident), ("_count", _count), ("get_native_id", _native_id),
    ):  # fmt: skip
        setattr(_thread, name, named(function, "_thread", name))
    sys._current_frames = named(_current_frames, "sys", "_current_frames")
    sys._current_exceptions = named(_current_exceptions, "sys", "_current_exceptions")
    if hasattr(_thread, "_set_sentinel"):
        _thread._set_sentinel = named(_set_sentinel, "_thread", "_set_sentinel")


def _by_ident(found: dict) -> dict:
    """Keys that are the guest's numbers, and no frames of this runtime on top."""
    tasks = WORLD.baton.tasks if WORLD.baton is not None else ()
    idents = {task.real: task.ident for task in tasks} or {_real_ident(): MAIN_IDENT}
    return {idents[real]: seen for real, seen in sorted(found.items()) if real in idents}


def _current_frames():
    frames = _by_ident(_real_frames())
    for ident, frame in frames.items():
        while frame.f_back is not None and frame.f_code.co_filename.startswith("/os2/"):
            frame = frame.f_back
        frames[ident] = frame
    return frames


def _current_exceptions():
    return _by_ident(_real_errors())


def _allocate():
    return lock()


def _native_id():
    import os

    return os.getpid() + _get_ident() - MAIN_IDENT
