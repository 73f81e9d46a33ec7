"""``_multiprocessing.SemLock`` among the threads of one process.

The kernel's named semaphores would block a thread with the baton, and need a /dev/shm to write in.
Pools of threads, queues and locks of ``multiprocessing`` work with these; a semaphore does not reach
into another process, and says so by name when one is started with it.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,no-any-return"

import _thread

from . import locks

_RECURSIVE = 0
_MAX_VALUE = 2**31 - 1


class SemLock:
    """A semaphore, or a recursive mutex, as ``_multiprocessing`` makes it."""

    SEM_VALUE_MAX = _MAX_VALUE
    handle = 0

    def __init__(self, kind, value, maxvalue, name, unlink) -> None:
        self.kind, self.maxvalue, self.name = kind, maxvalue, name
        self._value = value
        self._owner = self._depth = 0
        self._free = locks.lock()  # held exactly while the value is 0
        if not value:
            self._free.acquire()

    @classmethod
    def _rebuild(cls, *_):
        raise OSError(95, "a multiprocessing semaphore does not reach into another process here")

    def acquire(self, block=True, timeout=None):
        """Take one, waiting where told."""
        me = _thread.get_ident()
        if self.kind == _RECURSIVE and self._owner == me and self._depth:
            self._depth += 1
            return True
        if block:
            taken = self._free.acquire(True, -1 if timeout is None else max(0, timeout))
        else:
            taken = self._free.acquire(False)
        if taken:
            self._value -= 1
            self._owner = me
            self._depth += 1
            if self._value:
                self._free.release()
        return taken

    __enter__ = acquire

    def release(self):
        """Give one back."""
        if self.kind == _RECURSIVE:
            if not self._is_mine():
                raise AssertionError("attempt to release recursive lock not owned by thread")
            if self._depth > 1:
                self._depth -= 1
                return
        elif self._value >= self.maxvalue:
            raise ValueError("semaphore or lock released too many times")
        self._depth -= 1
        self._value += 1
        if self._value == 1:
            self._free.release()

    def __exit__(self, *_):
        self.release()

    def _is_mine(self):
        return self._depth > 0 and self._owner == _thread.get_ident()

    def _count(self):
        return self._depth

    def _get_value(self):
        return self._value

    def _is_zero(self):
        return self._value == 0

    def _after_fork(self):
        self._depth = 0


def patch(module) -> None:
    """Put it behind ``_multiprocessing``."""
    SemLock.__module__ = "_multiprocessing"
    module.SemLock = SemLock
    module.sem_unlink = lambda name: None
