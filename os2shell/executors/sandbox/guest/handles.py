"""Joinable threads as ``_thread`` offers them from CPython 3.13 on, by our locks and the baton."""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,type-arg,assignment"

import _thread

from . import locks
from .clock import named

OPEN: list = []
"""Handles of threads that the program's end waits for."""


class ThreadHandle:
    """One thread's: ``gate`` is held from its start to its end."""

    def __init__(self) -> None:
        self.ident = 0
        self.gate = locks.lock()

    def is_done(self):
        """Whether the thread was started and has ended."""
        return bool(self.ident) and not self.gate.locked()

    def join(self, timeout=None, /):
        """Wait for the thread's end, or for so many seconds."""
        if not self.ident:
            raise RuntimeError("thread not started")
        if self.ident == _thread.get_ident() and self.gate.locked():
            raise RuntimeError("Cannot join current thread")
        if self.gate.acquire(True, -1 if timeout is None or timeout < 0 else timeout):
            self.gate.release()

    def _set_done(self):
        if self.gate.locked():
            self.gate.release()


def _start_joinable_thread(function, handle=None, daemon=True):
    handle = ThreadHandle() if handle is None else handle
    if handle.ident:
        raise RuntimeError("thread already started")
    handle.gate.acquire()
    try:
        task = locks.scheduler().start(function, (), {})
    except BaseException:
        handle.gate.release()
        raise
    handle.ident = task.ident
    task.sentinels.append(handle.gate)
    if not daemon:
        OPEN.append(handle)
    return handle


def _make_thread_handle(ident, /):
    handle = ThreadHandle()
    handle.ident = ident
    handle.gate.acquire()
    return handle


def _shutdown():
    while OPEN:
        OPEN.pop(0).join()


def _get_main_thread_ident():
    return locks.MAIN_IDENT


def install() -> None:
    """Put all of it behind ``_thread``."""
    ThreadHandle.__module__, ThreadHandle.__qualname__ = "_thread", "_ThreadHandle"
    _thread._ThreadHandle = ThreadHandle
    for name, function in (
        ("start_joinable_thread", _start_joinable_thread), ("_shutdown", _shutdown),
        ("_make_thread_handle", _make_thread_handle),
        ("_get_main_thread_ident", _get_main_thread_ident),
    ):  # fmt: skip
        setattr(_thread, name, named(function, "_thread", name))
