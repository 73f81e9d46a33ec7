"""Record frames that follow one another, as one piece of bytes: how logs are written and read.

A record frame: u32 length, body, 32-byte chain digest. What is done for each record of a run is
done by the compiled inner loop where there is one and the run is long enough, else here.
"""

import struct
import sys
from collections.abc import Callable
from itertools import accumulate
from typing import Final, Self, cast

from blake3 import blake3

from ledger.form.canonical import Digest
from ledger.form.record import MAX_BODY_BYTES
from ledger.native import loop_for
from ledger.trust.merkle import Frontier, leaf_hashes

LENGTH: Final = struct.Struct(">I")
TAIL_BYTES: Final = 32
AROUND: Final = LENGTH.size + TAIL_BYTES
"""A frame is so much longer than its content."""
_LENGTHS_KNOWN: Final = 1024
_FEW: Final = 8
"""Runs of so many are parted sooner than the inner loop is called."""
_ALL: Final = sys.maxsize


class _Parts(dict[int, Callable[[bytes, int], tuple[bytes, bytes, int]]]):
    """By the length of a body: what parts body, digest and the next frame's length in one call."""

    def __missing__(self, size: int) -> Callable[[bytes, int], tuple[bytes, bytes, int]]:
        if len(self) >= _LENGTHS_KNOWN:
            self.clear()
        made = self[size] = struct.Struct(f">{size}s{TAIL_BYTES}sI").unpack_from
        return cast("Callable[[bytes, int], tuple[bytes, bytes, int]]", made)


_PARTS: Final = _Parts()


class Run:
    """``count`` frames in ``data`` from ``at`` to ``end``; ``base`` is where ``data`` begins.

    Parted into bodies and digests when somebody asks for them.
    """

    __slots__ = ("_bodies", "_digests", "at", "base", "count", "data", "end")

    def __init__(  # noqa: PLR0913, PLR0917 - made for each group that is read: names take time
        self,
        data: bytes,
        at: int,
        end: int,
        count: int,
        base: int = 0,
        bodies: list[bytes] | None = None,
        digests: list[bytes] | None = None,
    ) -> None:
        """Hold what the caller knows to be ``count`` complete frames."""
        self.data = data
        self.at = at
        self.end = end
        self.count = count
        self.base = base
        self._bodies = bodies
        self._digests = digests

    @classmethod
    def found(cls, data: bytes, at: int, base: int) -> Self:
        """The complete record frames that begin at ``at``; there may be none."""
        loop = loop_for(len(data) - at)
        end, bodies, digests = _parted(data, at, _ALL if loop is None else _FEW)
        if loop is None or len(bodies) <= _FEW:
            return cls(data, at, end, len(bodies), base, bodies, digests)
        end, more = loop.span(data, end)
        return cls(data, at, end, len(bodies) + more, base)

    @classmethod
    def linked(cls, bodies: list[bytes], chain: bytes) -> Self:
        """The frames of records with these bodies, whose digests follow on ``chain``."""
        loop = loop_for(sum(map(len, bodies)))
        if loop is not None:
            data = loop.seal(chain, bodies)
            return cls(data, 0, len(data), len(bodies))
        # link(), in place: a call for each record would cost a tenth of all its time
        return cls.of(bodies, [chain := blake3(body, key=chain).digest() for body in bodies])

    @classmethod
    def of(cls, bodies: list[bytes], digests: list[bytes]) -> Self:
        """The frames of records with these bodies and digests."""
        frames = [b""] * (3 * len(bodies))
        frames[0::3] = map(LENGTH.pack, map(len, bodies))
        frames[1::3] = bodies
        frames[2::3] = digests
        data = b"".join(frames)
        return cls(data, 0, len(data), len(bodies), 0, bodies, digests)

    @classmethod
    def joined(cls, runs: list[Self]) -> Self:
        """Whole runs as one."""
        if len(runs) == 1:
            return runs[0]
        data = b"".join(run.data for run in runs)
        return cls(data, 0, len(data), sum(run.count for run in runs))

    @property
    def start(self) -> int:
        """Where the first frame begins in the segment."""
        return self.base + self.at

    @property
    def stop(self) -> int:
        """Where the last frame ends in the segment."""
        return self.base + self.end

    @property
    def bodies(self) -> list[bytes]:
        """The body of each record."""
        if self._bodies is None:
            _, self._bodies, self._digests = _parted(self.frames, 0, _ALL)
        return self._bodies

    @property
    def digests(self) -> list[bytes]:
        """The chain digest after each record, as it stands in its frame."""
        if self._digests is None:
            ends = accumulate(map(AROUND.__add__, map(len, self.bodies)), initial=self.at)
            next(ends)
            self._digests = [self.data[end - TAIL_BYTES : end] for end in ends]
        return self._digests

    @property
    def frames(self) -> bytes:
        """All of it."""
        return self.data[self.at : self.end]

    @property
    def last(self) -> Digest:
        """The chain digest after the last record."""
        return Digest(self.data[self.end - TAIL_BYTES : self.end])

    def grow(self, tree: Frontier) -> None:
        """Add each record to ``tree``."""
        loop = loop_for(self.end - self.at)
        edge = None if loop is None else loop.grow(tree.size, tree.hashes, self.frames)
        if edge is None:
            tree.extend(leaf_hashes(self.bodies))
        else:
            tree.size, tree.hashes = tree.size + self.count, edge


def _parted(data: bytes, at: int, most: int) -> tuple[int, list[bytes], list[bytes]]:
    """The complete records that begin at ``at``, some ``most``: their end, bodies and digests."""
    stop, bodies, digests = len(data), list[bytes](), list[bytes]()
    if stop - at < LENGTH.size:
        return at, bodies, digests
    (size,) = LENGTH.unpack_from(data, at)
    at += LENGTH.size
    last = stop - AROUND
    # A checkpoint's length has the high bit set, so that its end lies beyond every chunk.
    for _ in range(most):
        if not (at + size <= last and 0 < size < MAX_BODY_BYTES):
            break
        body, digest, following = _PARTS[size](data, at)
        bodies.append(body)
        digests.append(digest)
        at += size + AROUND
        size = following
    if at + size + TAIL_BYTES <= stop and 0 < size < MAX_BODY_BYTES:  # nothing follows
        middle = at + size
        bodies.append(data[at:middle])
        digests.append(data[middle : middle + TAIL_BYTES])
        return middle + TAIL_BYTES, bodies, digests
    return at - LENGTH.size, bodies, digests
