"""Threads as the guest gets them: our locks at once, the scheduler and 3.13's handles when needed."""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import _thread

from . import locks


def install(seed: bytes, tell, leave) -> None:
    """Put them behind ``_thread``, before anything of the guest's looks there."""
    locks.install(seed, tell, leave, _baton)
    if not hasattr(_thread, "_set_sentinel"):
        from . import handles

        handles.install()


def _baton(world):
    """The scheduler, which most programs never load."""
    from . import baton

    return baton.Baton(world)
