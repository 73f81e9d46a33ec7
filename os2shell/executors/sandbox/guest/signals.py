"""Signals that threads and processes of a run send each other: they take effect at sure moments.

To itself: the kernel would pick a thread and wake the main one while another runs. Such a signal is
raised in the thread that sends it, and the main thread gets the baton as one that can go on.
To another process: it waits in the relay's table, and is raised there when that process next has its
turn. SIGKILL is sent at once, and its end awaited; what stops or continues a process is refused. What
comes from outside, an interrupt, stays asynchronous, and is recorded as one.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,import-not-found,assignment"

import _signal
import os
import sys

from . import calls, locks
from .clock import named
from .locks import WORLD

_STOPPING = (_signal.SIGSTOP, _signal.SIGTSTP, _signal.SIGCONT, _signal.SIGTTIN, _signal.SIGTTOU)


def _to_self(number) -> None:
    _real_raise(number)
    if WORLD.baton.current.ident != locks.MAIN_IDENT:
        WORLD.baton.wake_main()
        WORLD.baton.turn()


_real_raise = _signal.raise_signal


def kill(pid: int, number: int) -> None:
    """As os.kill, for one process, a group, or all."""
    if number and calls.others() and number in _STOPPING:
        _send(pid, number)
    elif pid == os.getpid() and number and len(WORLD.baton.tasks) > 1:
        _to_self(number)
    elif not calls.others() or not number:
        calls.real_kill(pid, number)
    elif pid > 0:
        _send(pid, number)
    else:
        _send_to_group(-pid or os.getpgrp() if pid != -1 else 0, number)


def _send_to_group(group: int, number: int) -> None:
    """To all of a process group, 0 being every process but the sender; the sender comes last."""
    members = [pid for _, pid in WORLD.relay.living() if not group or os.getpgid(pid) == group]
    own = os.getpid()
    if not members:
        raise ProcessLookupError(3, "No such process")
    for pid in members:
        if pid != own:
            _send(pid, number)
    if own in members and group:
        _send(own, number)


def _send(pid: int, number: int) -> None:
    if number in _STOPPING:
        raise OSError(
            95,
            "stopping and continuing a process beside others is not deterministic here, and refused; "
            "have it wait for a pipe, or end it",
        )
    if pid == os.getpid():
        calls.real_kill(pid, number)
        return
    slot = next((slot for slot, found in WORLD.relay.living() if found == pid), None)
    if slot is None:
        calls.real_kill(pid, number)  # a zombie, or no process of ours
        return
    if slot and number == _signal.SIGKILL:
        WORLD.relay.kill(slot, pid)
    elif number == _signal.SIGKILL:
        calls.real_kill(pid, number)  # the first process: with it all ends
        WORLD.relay.rest()
    else:
        WORLD.relay.signal(slot, number)


def _pid_of(pidfd: int) -> int:
    """The process that ``pidfd`` is for (proc(5), fdinfo)."""
    file = calls.real_open(f"/proc/self/fdinfo/{pidfd}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        words = calls.real_read(file, 4096).split()
    finally:
        calls.real_close(file)
    return int(words[words.index(b"Pid:") + 1])


def install() -> None:
    """Put it behind ``signal``; ``os.kill`` and ``os.killpg`` are thin calls from the first line on."""
    real_pidfd = _signal.pidfd_send_signal

    def raise_signal(signalnum, /):
        _to_self(signalnum)

    def pthread_kill(thread_id, signalnum, /):
        if all(task.ident != thread_id for task in WORLD.baton.tasks):
            raise ProcessLookupError(3, "No such process")
        if signalnum:
            _to_self(signalnum)

    def pidfd_send_signal(pidfd, sig, siginfo=None, flags=0, /):
        if not calls.others() or not sig:
            return real_pidfd(pidfd, sig, siginfo, flags)
        pid = _pid_of(pidfd)
        if pid <= 0:
            raise ProcessLookupError(3, "No such process")
        return _send(pid, sig)

    for function in (raise_signal, pthread_kill, pidfd_send_signal):
        named(function, "signal", function.__name__)
        setattr(_signal, function.__name__, function)
        module = sys.modules.get("signal")
        if module is not None:
            setattr(module, function.__name__, function)
