"""Waits for descriptors: what is ready at once is given at once, else other threads run meanwhile.

With one thread in one process a wait that only time could end is a jump of the clock. With several,
none may wait in the kernel for what another one will write: it gives the baton up until the
descriptor is ready.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined,no-any-return,assignment"

from . import calls, clock, locks
from .clock import named


def patch_selectors(module) -> None:
    """All classes of ``selectors``."""
    for name in ("SelectSelector", "PollSelector", "EpollSelector"):
        cls = getattr(module, name, None)
        if cls is not None:
            cls.select = _selecting(cls.select)


def _selecting(real):
    def select(self, timeout=None):
        if timeout is not None and timeout <= 0:
            looked()
            return real(self, timeout)
        return _wait(lambda seconds: real(self, seconds), timeout)

    return named(select, "selectors", "select")


def patch_select(module) -> None:
    """The function; its objects ``poll`` and ``epoll`` are the kernel's own."""
    real = module.select

    def select(rlist, wlist, xlist, timeout=None, /):
        if timeout is not None and timeout <= 0:
            looked()
            return real(rlist, wlist, xlist, timeout)

        def ask(seconds):
            found = real(rlist, wlist, xlist, seconds)
            return found if any(found) else None

        return _wait(ask, timeout) or ([], [], [])

    module.select = named(select, "select", "select")


def _wait(ask, timeout):
    """What ``ask(seconds)`` finds; a timeout that passes without a find passes on the clock too."""
    found = ask(0)
    if found:
        return found
    if calls.several():
        return _among_others(ask, timeout)
    if timeout is None:
        return ask(None)
    if not clock.alone():
        found = ask(timeout)
    if not found:
        clock.advance(timeout)
    return found


def looked() -> None:
    """A look that waits for nothing may be one of a loop: where processes are ordered, it counts."""
    if calls.others():
        locks.WORLD.baton.looked()


def _among_others(ask, timeout):
    deadline = None if timeout is None else clock.after(timeout)
    found = None

    def blocked() -> bool:
        nonlocal found
        found = ask(0)
        return not found

    while not found and (deadline is None or clock.CLOCK.now < deadline):
        locks.WORLD.baton.wait(blocked, deadline, "a descriptor", outside=True)
    return found or ask(0)
