"""Sealing entries in a row: bodies, chain digests and frames, nothing written yet."""

from collections.abc import Callable, Sequence
from operator import lt
from typing import Final, TypeAlias, overload

from ledger.errors import ClockError, EntryError
from ledger.form import batch
from ledger.form.canonical import Digest
from ledger.form.record import MAX_U64, Entry, Record, body_of, unsealed
from ledger.storage.run import Run

_COUNTER_BITS: Final = 16
_RESERVED: Final = "ledger."
_NANOSECONDS_PER_MS: Final = 1_000_000

Times: TypeAlias = Callable[[int, int], Sequence[int]]
"""From the time of the last record and a count: the times of so many records after it."""


class Group:
    """What a write will hold: grows by whole appends, from the state that the log stands at."""

    def __init__(self, size: int, chain: Digest, hlc: int) -> None:
        """Start empty, after that state."""
        self.size = size
        self.chain = chain
        self.hlc = hlc
        self._runs: list[Run] = []

    def seal(self, entries: Sequence[Entry], times: Times, node: str) -> "SealedRecords":
        """Add ``entries``, all or none."""
        moments = _after(self.hlc, times(self.hlc, len(entries)))
        chain, runs = self.chain, list[Run]()
        for start in range(0, len(entries), batch.MOST):
            stop = start + batch.MOST
            some = _bodies(entries[start:stop], self.size + start, moments[start:stop], node)
            runs.append(Run.linked(some, chain))
            chain = runs[-1].last
        run = Run.joined(runs)
        self.take(run, moments[-1] if moments else self.hlc)
        return SealedRecords(run)

    def take(self, run: Run, hlc: int) -> None:
        """Add records that are sealed already."""
        if run.count:
            self._runs.append(run)
            self.size += run.count
            self.hlc = hlc
            self.chain = run.last

    def run(self) -> Run:
        """All of it."""
        return Run.joined(self._runs)


def _bodies(entries: Sequence[Entry], seq: int, moments: Sequence[int], node: str) -> list[bytes]:
    """The bodies of at most ``batch.MOST`` entries; the first that is refused is named."""
    if len(entries) >= batch.LEAST:
        made = batch.encoded(entries, seq, moments, node)
        if made is not None:
            return made
    pairs = enumerate(zip(entries, moments, strict=True), seq)
    return [body_of(entry, number, hlc, node) for number, (entry, hlc) in pairs]


def _after(previous: int, moments: Sequence[int]) -> Sequence[int]:
    """``moments``, refused unless each lies after the one before and within 64 bits."""
    if isinstance(moments, range):  # as ``hybrid`` gives them: the first tells of the rest
        rising = moments.step > 0 and previous < moments.start
    else:
        rising = all(map(lt, (previous, *moments), moments))
    if moments and not (rising and moments[-1] <= MAX_U64):
        raise ClockError(
            f"expected times after {previous} within 64 bits, each after the one before, found "
            f"{moments[0]} to {moments[-1]}; check the clock"
        )
    return moments


class SealedRecords(Sequence[Record]):
    """The records of one append; each is decoded when it is asked for, since few callers ask."""

    __slots__ = ("_run", "_which")

    def __init__(self, run: Run, which: range | None = None) -> None:
        """Hold a run, or ``which`` of its records."""
        self._run = run
        self._which = range(run.count) if which is None else which

    def __len__(self) -> int:  # type: ignore[explicit-override]  # typing has it from 3.12
        """How many were appended."""
        return len(self._which)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> "SealedRecords": ...
    def __getitem__(  # type: ignore[explicit-override]  # as above
        self, index: int | slice
    ) -> "Record | SealedRecords":
        """One record, or a part of them."""
        if isinstance(index, slice):
            return SealedRecords(self._run, self._which[index])
        at = self._which[index]
        return unsealed(self._run.bodies[at], Digest(self._run.digests[at]))

    def __eq__(self, other: object) -> bool:  # type: ignore[explicit-override]  # as above
        """Equal to every sequence of the same records."""
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # as a list's

    def __repr__(self) -> str:  # type: ignore[explicit-override]  # as above
        """As the tuple that it stands for."""
        return repr(tuple(self))


def refuse_reserved(entries: Sequence[Entry]) -> None:
    """Refuse kinds in which only the ledger itself speaks."""
    try:
        kinds = {entry.kind for entry in entries}
    except TypeError:  # no text at all: sealing says so better
        return
    for kind in kinds:
        if type(kind) is str and kind.startswith(_RESERVED):
            raise EntryError(
                f"expected a kind outside {_RESERVED}*, found {kind!r}: those are what "
                "the ledger says about itself; choose another kind"
            )


def hybrid(clock: Callable[[], int]) -> Times:
    """Hybrid time from a clock of nanoseconds: milliseconds and a counter in one number.

    Never goes back, whatever the clock does; the clock is read once for all records of an append.
    """

    def times(previous: int, count: int) -> Sequence[int]:
        first = max(clock() // _NANOSECONDS_PER_MS << _COUNTER_BITS, previous + 1)
        return range(first, first + count)

    return times


def one_by_one(tick: Callable[[int], int]) -> Times:
    """Times from a function that gives each from the one before."""

    def times(previous: int, count: int) -> Sequence[int]:
        found: list[int] = []
        for _ in range(count):
            previous = tick(previous)
            found.append(previous)
        return found

    return times
