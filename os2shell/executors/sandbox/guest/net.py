"""The guest's end of the net below Python (``net.c``): wakes it, and keeps its clock beside Python's.

Where the image has no net (it was built without a C compiler) nothing wakes: ``PRESENT`` stays
false, and ``extensions`` refuses by name what would draw time or entropy unseen.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,arg-type"

from . import clock


class Net:
    """Whether the net is here, and how it is told that time has passed."""

    def __init__(self) -> None:
        self.present = False


NET = Net()


def install(seed: bytes, start: int) -> None:
    """Name the world to the net; without one, leave ``NET.present`` false."""
    try:
        import _ctypes
    except ImportError:
        return
    call = _ctypes.call_function
    here = _ctypes.dlopen(None, 0)
    try:
        world = _ctypes.dlsym(here, "os2_world")
        reach = _ctypes.dlsym(here, "os2_reach")
    except OSError:
        return
    call(world, (seed, start.to_bytes(8, "little")))

    def passed(instant: int) -> None:
        call(reach, (instant.to_bytes(8, "little"),))

    clock.CLOCK.passed = passed
    NET.present = True
