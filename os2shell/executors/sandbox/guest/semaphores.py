"""``_multiprocessing.SemLock`` among the threads and processes of one run.

The kernel's named semaphores would block a process that has the relay, and need a /dev/shm to write in.
A value here is a word of the relay's table, which every process of the run maps; who holds how much is
each process's own knowledge, as in CPython's C. A word is never given back: a run has so many
(``relay.MAX_SEMAPHORES``), and says so when they are used up.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,no-any-return"

import _thread

from . import children
from .clock import CLOCK, after
from .locks import WORLD

_RECURSIVE = 0
_MAX_VALUE = 2**31 - 1


class SemLock:
    """A semaphore, or a recursive mutex, as ``_multiprocessing`` makes it."""

    SEM_VALUE_MAX = _MAX_VALUE

    def __init__(self, kind, value, maxvalue, name, unlink) -> None:
        if not 0 <= value <= maxvalue:
            raise ValueError("invalid value")
        self._keep(children.ordered().semaphore(value), kind, maxvalue, None if unlink else name)

    @classmethod
    def _rebuild(cls, handle, kind, maxvalue, name):
        made = cls.__new__(cls)
        children.ordered()
        made._keep(handle, kind, maxvalue, name)
        return made

    def _keep(self, handle, kind, maxvalue, name) -> None:
        self.handle, self.kind, self.maxvalue, self.name = handle, kind, maxvalue, name
        self._table = WORLD.relay.table
        self._owner = self._depth = 0

    def _taken(self) -> bool:
        return not self._table[self.handle]

    def acquire(self, block=True, timeout=None):
        """Take one, waiting where told."""
        if self.kind == _RECURSIVE and self._is_mine():
            self._depth += 1
            return True
        if block and self._taken():
            deadline = None if timeout is None else after(max(0, timeout))
            while self._taken() and (deadline is None or CLOCK.now < deadline):
                WORLD.baton.wait(self._taken, deadline, "a semaphore", outside=True)
        if self._taken():
            return False
        self._table[self.handle] -= 1
        self._owner = _thread.get_ident()
        self._depth += 1
        return True

    def __enter__(self):
        return self.acquire()

    def release(self):
        """Give one back."""
        if self.kind == _RECURSIVE:
            if not self._is_mine():
                raise AssertionError("attempt to release recursive lock not owned by thread")
            if self._depth > 1:
                self._depth -= 1
                return
        elif self._table[self.handle] >= self.maxvalue:
            raise ValueError("semaphore or lock released too many times")
        self._depth -= 1
        self._table[self.handle] += 1

    def __exit__(self, *_):
        self.release()

    def _is_mine(self):
        return self._depth > 0 and self._owner == _thread.get_ident()

    def _count(self):
        return self._depth

    def _get_value(self):
        return self._table[self.handle]

    def _is_zero(self):
        return self._taken()

    def _after_fork(self):
        self._depth = 0


def patch(module) -> None:
    """Put it behind ``_multiprocessing``."""
    SemLock.__module__ = "_multiprocessing"
    module.SemLock = SemLock
    module.sem_unlink = lambda name: None
