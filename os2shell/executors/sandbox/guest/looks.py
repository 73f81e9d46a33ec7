"""How a waiting process looks up: at its own gate, and at the life of another process.

How often it does is real time's choice, so a look leaves no trace in memory: each of its parts frees
what it takes in the opposite order, no two numbers that lie in memory are held one after the other,
and every wait begins with a look more (``rehearse``), which fills the stores of objects that CPython
keeps. Else addresses, and by them the order of sets, would tell how long a wait was.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined"

import os
import select

from . import calls

GATE = 1021
LOOK_MS = 100
"""How long a lost wake-up could last."""
NOTHING, ENDED, BLIND = range(3)
"""What a look tells; ``BLIND``: the program holds all descriptors there are, so it saw the gate alone."""
_pidfd_open, _getpid = os.pidfd_open, os.getpid
_GATE_BYTES = 64
_GONE, _NONE_LEFT = -1, -2


def look(pid: int) -> int:
    """Wait for an opening of the gate, for the end of ``pid``, or for ``LOOK_MS``."""
    poll = select.real_poll()
    poll.register(GATE, select.POLLIN)
    watched = _opened(pid)
    if watched < 0:
        watched = _opened(pid)  # an error leaves two free blocks swapped; one more puts them back
    if watched == _GONE:
        return ENDED
    if watched == _NONE_LEFT:
        _found(poll, GATE)
        return BLIND
    try:
        poll.register(watched, select.POLLIN)
        return _found(poll, watched)
    finally:
        calls.real_close(watched)


def _opened(pid: int) -> int:
    try:
        return int(_pidfd_open(pid))
    except ProcessLookupError:
        return _GONE
    except OSError:
        return _NONE_LEFT


def _found(poll, watched: int) -> int:
    """Wait for either, empty the gate, and tell whether ``watched`` has come."""
    came = NOTHING
    for number, events in poll.poll(LOOK_MS):
        if number == GATE:
            if events == select.POLLIN:
                calls.real_read(GATE, _GATE_BYTES)
        elif number == watched:
            came = ENDED
    return came


def rehearse() -> None:
    """One look that finds the gate open, at ourselves; all further ones then change nothing."""
    calls.real_write(GATE, b".")
    pair = [(GATE, look), (look, GATE)]
    del pair
    look(_getpid())


def settled(pid: int) -> None:
    """Return when its parent has been sent SIGCHLD: the kernel's lock of all tasks is ours once."""
    try:
        calls.real_waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        pass  # another one's child
