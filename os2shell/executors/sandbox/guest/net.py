"""The guest's end of the net below Python (``below``): wakes it, and keeps its clock beside Python's.

Where the image has no net (it was built without a C compiler) nothing wakes: ``present`` stays
false, and ``extensions`` refuses by name what would draw time or entropy unseen. Traps are laid by
the boot before its hello, so that the host can tell that they hold; a child whose parent had them
does not run without.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,arg-type"

import os

from . import clock


class Net:
    """Whether the net is here, whether its traps hold, and how it is told that time has passed."""

    def __init__(self) -> None:
        self.present = False
        self.armed = False


NET = Net()
UNARMED = (
    b"os2: a program that this one started would draw time and entropy unseen (step %d of the net's "
    b"traps cannot be had again); run it in the same process\n"
)


def _functions(*names):
    """Addresses of the net's functions by name, and how to call them; None without a net."""
    try:
        import _ctypes
    except ImportError:
        return None
    here = _ctypes.dlopen(None, 0)
    try:
        return _ctypes.call_function, *(_ctypes.dlsym(here, name) for name in names)
    except OSError:
        return None


def arm() -> bool:
    """Lay the traps and try them; whether they hold. They stay until the end of this process."""
    found = _functions("os2_arm")
    NET.armed = found is not None and found[0](found[1], ()) == 0
    return NET.armed


def arm_as_parent() -> None:
    """In a child whose parent has traps: lay them too, or end by name."""
    found = _functions("os2_arm")
    step = -1 if found is None else found[0](found[1], ())
    if step:
        os.write(2, UNARMED % step)
        os._exit(126)
    NET.armed = True


def install(seed: bytes, start: int) -> None:
    """Name the world to the net; without one, leave ``NET.present`` false."""
    found = _functions("os2_world", "os2_reach")
    if found is None:
        return
    call, world, reach = found
    call(world, (seed, start.to_bytes(8, "little")))

    def passed(instant: int) -> None:
        call(reach, (instant.to_bytes(8, "little"),))

    clock.CLOCK.passed = passed
    NET.present = True
