"""Signals that a program with several threads sends itself: their handlers run at a sure moment.

The kernel would pick a thread and wake the main one while another runs. Here such a signal is raised
in the thread that sends it, and the main thread gets the baton as one that can go on; its handler
runs when it does. What comes from outside, an interrupt, stays asynchronous, and is recorded as one.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,import-not-found,assignment"

import _signal
import os
import posix
import sys

from . import locks
from .clock import named


def install(baton) -> None:
    """Put it behind ``os.kill``, ``signal.raise_signal`` and ``signal.pthread_kill``."""
    real_kill, real_raise = os.kill, _signal.raise_signal

    def to_self(number) -> None:
        real_raise(number)
        if baton.current.ident != locks.MAIN_IDENT:
            baton.wake_main()
            baton.turn()

    def kill(pid, signal, /):
        if pid == os.getpid() and signal and len(baton.tasks) > 1:
            to_self(signal)
        else:
            real_kill(pid, signal)

    def raise_signal(signalnum, /):
        to_self(signalnum)

    def pthread_kill(thread_id, signalnum, /):
        if all(task.ident != thread_id for task in baton.tasks):
            raise ProcessLookupError(3, "No such process")
        if signalnum:
            to_self(signalnum)

    os.kill = posix.kill = named(kill, "posix", "kill")
    for function in (raise_signal, pthread_kill):
        named(function, "signal", function.__name__)
        setattr(_signal, function.__name__, function)
        module = sys.modules.get("signal")
        if module is not None:
            setattr(module, function.__name__, function)
