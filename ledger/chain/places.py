"""Where to begin reading, and the head cache: two things that may be lost and are never believed.

Here are places of signed checkpoints, at most one for ``SPACING`` records. Whoever starts
there verifies the signature first, so a false place costs a scan and nothing else. The head cache
holds the last of these states with the tree's edge; it is accepted only when the checkpoint in
the log at that very place is signed and states the same root.
"""

from array import array
from bisect import bisect_right
from typing import Final

from ledger.chain.follower import Mark
from ledger.errors import LedgerError
from ledger.form import canonical
from ledger.storage.segment import CHECKPOINT_BIT, HEADER, LENGTH, TAIL_BYTES, check_header
from ledger.storage.store import Position, Store
from ledger.trust import checkpoint
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import Frontier
from ledger.trust.note import MAX_NOTE_BYTES

SPACING: Final = 1024
_VERSION: Final = 1
_FIELDS: Final = 6
_COLUMNS: Final = 3


class Places:
    """Sizes and places of checkpoint frames, growing."""

    def __init__(self, spacing: int = SPACING) -> None:
        """Start empty: reading begins at the log's start."""
        self._spacing = spacing
        self._sizes = array("Q")
        self._segments = array("Q")
        self._offsets = array("Q")

    def note(self, size: int, at: Position) -> bool:
        """Remember a checkpoint frame unless one is near already."""
        far = size >= (self._sizes[-1] if self._sizes else 0) + self._spacing
        if far:
            self._sizes.append(size)
            self._segments.append(at.segment)
            self._offsets.append(at.offset)
        return far

    def before(self, seq: int) -> tuple[int, Position] | None:
        """The last remembered checkpoint of at most ``seq`` records."""
        found = bisect_right(self._sizes, seq) - 1
        if found < 0:
            return None
        return self._sizes[found], Position(self._segments[found], self._offsets[found])

    def clear(self) -> None:
        """Forget everything, after a place proved false."""
        for column in (self._sizes, self._segments, self._offsets):
            del column[:]

    def dump(self) -> list[canonical.Json]:
        """The columns as bytes."""
        return [c.tobytes() for c in (self._sizes, self._segments, self._offsets)]

    def load(self, columns: list[canonical.Json]) -> None:
        """Take dumped columns; refuses columns of unequal length."""
        fresh = [array("Q"), array("Q"), array("Q")]
        for column, data in zip(fresh, columns, strict=True):
            if not isinstance(data, bytes):
                raise TypeError("expected bytes")
            column.frombytes(data)
        if len({len(column) for column in fresh}) != 1:
            raise ValueError("expected columns of one length")
        self._sizes, self._segments, self._offsets = fresh


def read_checkpoint(
    store: Store, at: Position, key: PublicKey
) -> tuple[checkpoint.Checkpoint, int]:
    """The checkpoint frame at ``at``, signature verified, and the offset behind it."""
    word = int.from_bytes(store.read(at, LENGTH.size), "big")
    size = word & ~CHECKPOINT_BIT
    if word == size or size > MAX_NOTE_BYTES:
        raise ValueError("expected a checkpoint frame")
    data = store.read(Position(at.segment, at.offset + LENGTH.size), size + TAIL_BYTES)
    note, tail = data[:size], data[size:]
    if canonical.digest(note) != tail:
        raise ValueError("expected the note's digest")
    return checkpoint.verified(note, key), at.offset + LENGTH.size + size + TAIL_BYTES


def dump_mark(mark: Mark, places: Places) -> bytes:
    """The head cache for ``mark``."""
    edge: list[canonical.Json] = list(mark.edge)
    return canonical.encode(
        [_VERSION, mark.start.segment, mark.start.offset, mark.size, edge, places.dump()]
    )


def load_mark(store: Store, key: PublicKey, places: Places) -> Mark | None:
    """The cached mark, when the signed log confirms it; None sends the caller to scan."""
    try:
        data = store.cached()
        return None if data is None else _confirmed(store, key, places, canonical.decode(data))
    # A cache is never worth an error: whatever is wrong with it, the scan finds the truth.
    except (LedgerError, ValueError, TypeError, ArithmeticError):
        return None


def _confirmed(store: Store, key: PublicKey, places: Places, values: canonical.Json) -> Mark | None:
    if not isinstance(values, list) or len(values) != _FIELDS or values[0] != _VERSION:
        return None
    _, segment, offset, size, edge, columns = values
    if not (isinstance(segment, int) and isinstance(offset, int) and isinstance(size, int)):
        return None
    if not isinstance(edge, list) or not isinstance(columns, list) or segment < 0 or offset < 0:
        return None
    start = Position(segment, offset)
    check_header(store.read(Position(segment, 0), HEADER.size), segment)
    found, stop = read_checkpoint(store, start, key)
    frontier = Frontier(size, [part for part in edge if isinstance(part, bytes)])
    if found.size != size or found.root != frontier.root():
        return None
    places.load(columns)
    end = Position(segment, stop)
    return Mark(size, found.chain, found.hlc, tuple(frontier.hashes), found, start, end)
