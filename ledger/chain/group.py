"""Sealing entries in a row: bodies, chain digests and tree leaves, nothing written yet."""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final, overload

from blake3 import blake3

from ledger.errors import ClockError
from ledger.form.canonical import Digest
from ledger.form.record import MAX_U64, Entry, Record, body_of, unsealed
from ledger.storage.segment import LENGTH

_COUNTER_BITS: Final = 16
_NANOSECONDS_PER_MS: Final = 1_000_000


class Group:
    """What a write will hold: grows by whole appends, from the state that the log stands at."""

    def __init__(self, size: int, chain: Digest, hlc: int) -> None:
        """Start empty, after that state."""
        self.size = size
        self.chain = chain
        self.hlc = hlc
        self.leaves: list[bytes] = []
        self.parts: list[bytes] = []

    def seal(
        self, entries: Iterable[Entry], tick: Callable[[int], int], node: str
    ) -> "SealedRecords":
        """Add ``entries``, all or none."""
        seq, chain, hlc = self.size, self.chain, self.hlc
        bodies: list[bytes] = []
        digests: list[Digest] = []
        for entry in entries:
            time = tick(hlc)
            if not hlc < time <= MAX_U64:
                raise ClockError(
                    f"expected a time after {hlc} within 64 bits, found {time}; check the clock"
                )
            hlc = time
            body = body_of(entry, seq=seq, hlc=hlc, node=node)
            chain = blake3(body, key=chain).digest()  # type: ignore[assignment]  # link(), in place
            bodies.append(body)
            digests.append(chain)
            seq += 1
        self.take(bodies, digests, hlc)
        return SealedRecords(bodies, digests)

    def take(self, bodies: list[bytes], digests: list[Digest], hlc: int) -> None:
        """Add records that are sealed already."""
        length = LENGTH.pack
        for body, digest in zip(bodies, digests, strict=True):
            self.leaves.append(sha256(b"\x00" + body).digest())
            self.parts += (length(len(body)), body, digest)
        self.size += len(bodies)
        self.hlc = hlc
        if digests:
            self.chain = digests[-1]


class SealedRecords(Sequence[Record]):
    """The records of one append; each is decoded when it is asked for, since few callers ask."""

    __slots__ = ("_bodies", "_digests")

    def __init__(self, bodies: list[bytes], digests: list[Digest]) -> None:
        """Hold bodies with the chain digests after them."""
        self._bodies = bodies
        self._digests = digests

    def __len__(self) -> int:  # type: ignore[explicit-override]  # typing has it from 3.12
        """How many were appended."""
        return len(self._bodies)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> "SealedRecords": ...
    def __getitem__(  # type: ignore[explicit-override]  # as above
        self, index: int | slice
    ) -> "Record | SealedRecords":
        """One record, or a part of them."""
        if isinstance(index, slice):
            return SealedRecords(self._bodies[index], self._digests[index])
        return unsealed(self._bodies[index], self._digests[index])

    def __eq__(self, other: object) -> bool:  # type: ignore[explicit-override]  # as above
        """Equal to every sequence of the same records."""
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # as a list's

    def __repr__(self) -> str:  # type: ignore[explicit-override]  # as above
        """As the tuple that it stands for."""
        return repr(tuple(self))


def hybrid(clock: Callable[[], int]) -> Callable[[], Callable[[int], int]]:
    """Hybrid time from a clock of nanoseconds: milliseconds and a counter in one number.

    Never goes back, whatever the clock does. The clock is read once a group; what is returned
    begins a group and gives the function from the time before to the next.
    """

    def begin() -> Callable[[int], int]:
        now = clock() // _NANOSECONDS_PER_MS << _COUNTER_BITS
        return lambda previous: now if now > previous else previous + 1

    return begin
