"""The inner loop in C, where it was compiled: what would otherwise be Python's for every record.

It makes the same bytes as Python and takes the same logs; it only says yes, and whatever it does
not take is Python's to judge and to name. Where there was no compiler at installation, or no
library for hashing that can be asked, or where the two disagree when it is loaded, there is none,
and everything works, only slower.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from ledger.native.library import InnerLoop

LEAST_BYTES: Final = 4096
"""From so many on, calling it costs less than it saves."""


class State(NamedTuple):
    """Where a log stands: how many records, the last one's digest and time, the tree's edge."""

    size: int
    chain: bytes
    hlc: int
    edge: Sequence[bytes]


@cache
def inner_loop() -> "InnerLoop | None":
    """The loop, when it was compiled from these sources and does what Python does."""
    from ledger.native import library  # noqa: PLC0415 - 3 ms that small logs never need

    return library.load()


def loop_for(count: int) -> "InnerLoop | None":
    """The loop for so many bytes of frames; None where there is none, or they are too few."""
    return inner_loop() if count >= LEAST_BYTES else None
