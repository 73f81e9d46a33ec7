"""A guest that judges the relay's own code: what a waiting process does again and again.

Takes blocks of every size, and objects of every store that CPython keeps; gives them back in the
opposite order; does what is judged; takes them again. They lie elsewhere where that left a trace.
"""

import array
import gc
import os
import sys

PLACES = 4
EMPTY = bytes(8 * 256)
FIRST, SECOND = array.array("Q", EMPTY), array.array("Q", EMPTY)


def a_list(_size: int) -> "list[int]":
    return []


def a_dict(size: int) -> "dict[int, int]":
    return {size: size}


def a_pair(size: int) -> "tuple[int, int]":
    return size, size


STORES = (a_list, a_dict, a_pair, float)


def note(places: "array.array[int]", at: int, make: object, size: int) -> None:
    a = make(size)  # type: ignore[operator]
    b = make(size)  # type: ignore[operator]
    c = make(size)  # type: ignore[operator]
    d = make(size)  # type: ignore[operator]
    places[at] = id(a)
    places[at + 1] = id(b)
    places[at + 2] = id(c)
    places[at + 3] = id(d)
    del d
    del c
    del b
    del a


def note_all(places: "array.array[int]") -> None:
    at = 0
    for size in range(10, 480, 16):
        note(places, at, bytes, size)
        at += PLACES
    for make in STORES:
        note(places, at, make, 1)
        at += PLACES


def swap() -> None:
    """Gives back in the order in which it took."""
    a = bytes(90)
    b = bytes(90)
    del a
    del b


gc.disable()
begin, go = os.pipe()
living = os.fork()
if not living:
    os.read(begin, 1)
    os._exit(0)
dead = os.fork()
if not dead:
    os._exit(0)
os.waitid(os.P_PID, dead, os.WEXITED | os.WNOWAIT)
look = sys.modules["os2guest.looks"].look
rehearse = sys.modules["os2guest.looks"].rehearse
relay = sys.modules["os2guest.locks"].WORLD.relay
open_gate = sys.modules["os2guest.calls"].real_write
JUDGED = {
    "swap": swap,
    "rehearse": rehearse,
    "a look in vain": lambda: look(living),
    "a look at the dead": lambda: look(dead),
    "a look at nobody": lambda: look(99999),
    "both at once": lambda: (open_gate(1021, b"...") and None) or look(dead),
    "a watch": relay._watch,
    "a guard that was relieved": lambda: relay._bury(99999),
    "a guardian that was relieved": lambda: relay._inherit(99999),
}
for _ in range(3):
    note_all(FIRST)
    note_all(SECOND)
for name, judged in JUDGED.items():
    for times in (1, 2, 3):
        rehearse()
        note_all(FIRST)
        note_all(FIRST)
        for _ in range(times):
            judged()
        note_all(SECOND)
        if FIRST != SECOND:
            print(name, times)
os.write(go, b".")
os.wait()
