"""The guest's end of the net below Python (``below``): wakes it, and keeps its clock beside Python's.

Where the image has no net (it was built without a C compiler) nothing wakes: ``present`` stays
false, and ``extensions`` refuses by name what would draw time or entropy unseen. Traps are laid by
the boot before its hello, so that the host can tell that they hold; a child whose parent had them
does not run without.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,arg-type"

import os
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

from . import clock


class Net:
    """Whether the net is here, whether its traps hold, and how it is told that time has passed."""

    def __init__(self) -> None:
        self.present = False
        self.armed = False
        self.tell: "Any" = None  # the kernel's numbers of a descriptor, once the net shows others


NET = Net()
UNARMED = (
    b"os2: a program that this one started would draw time and entropy unseen (step %d of the net's "
    b"traps cannot be had again); run it in the same process\n"
)


_fstat = posix.fstat


def identity(fd: int) -> "tuple[int, int]":
    """Device and inode of ``fd`` as the kernel numbers them: the same in every process of a run.

    What the guest is shown is numbered by each process for itself. Raises OSError as ``os.fstat``.
    """
    if NET.tell is not None:
        told: tuple[int, int] = NET.tell(fd)
        return told
    found = _fstat(fd)
    return found.st_dev, found.st_ino


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
    found = _functions("os2_world", "os2_reach", "os2_identity")
    if found is None:
        return
    call, world, reach, look = found
    call(world, (seed, start.to_bytes(8, "little")))

    def passed(instant: int) -> None:
        call(reach, (instant.to_bytes(8, "little"),))

    def tell(fd: int) -> "tuple[int, int]":
        told = bytes(bytearray(16))  # a new object, which the net fills
        code = call(look, (fd, told))
        if code:
            raise OSError(code, os.strerror(code))
        return int.from_bytes(told[:8], "little"), int.from_bytes(told[8:], "little")

    clock.CLOCK.passed = passed
    NET.tell = tell
    NET.present = True
