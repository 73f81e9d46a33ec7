"""Where to begin reading, and the head cache: two things that may be lost and are never believed.

Here are places of signed checkpoints, at most one for ``SPACING`` records. Whoever starts
there verifies the signature first, so a false place costs a scan and nothing else. The head cache
holds the last of these states with the tree's edge, and the history of keys when there is any; it
is accepted only when the checkpoint in the log at that very place is signed by the newest of the
keys, and states the same root and the same table of epochs. Whether that key is the right one
the caller must know (``certifies``).
"""

from array import array
from bisect import bisect_right
from contextlib import suppress
from dataclasses import replace
from typing import Final

from ledger.chain.follower import Mark
from ledger.errors import LedgerError
from ledger.form import canonical
from ledger.storage.run import LENGTH, TAIL_BYTES
from ledger.storage.segment import CHECKPOINT_BIT, HEADER, check_header
from ledger.storage.store import Position, Store
from ledger.trust import checkpoint
from ledger.trust.endorsement import KeyHistory
from ledger.trust.epochs import Epochs
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
        self._floor: tuple[int, Position] | None = None
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

    def begin_at(self, size: int, at: Position) -> None:
        """Nothing before this checkpoint is there any more: it was pruned."""
        self._floor = (size, at)

    @property
    def least(self) -> int:
        """The first record that can be read."""
        return 0 if self._floor is None else self._floor[0]

    def before(self, seq: int) -> tuple[int, Position] | None:
        """The last remembered checkpoint of at most ``seq`` records."""
        found = bisect_right(self._sizes, seq) - 1
        floor = self._floor
        if floor is not None and floor[0] <= seq and (found < 0 or self._sizes[found] <= floor[0]):
            return floor
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
    store: Store, at: Position, epochs: Epochs
) -> tuple[checkpoint.Checkpoint, int]:
    """The checkpoint frame at ``at``, signature verified, and the offset behind it."""
    note, stop = read_note(store, at)
    return checkpoint.confirmed(note, epochs), stop


def read_note(store: Store, at: Position) -> tuple[bytes, int]:
    """The note in the checkpoint frame at ``at``, not judged, and the offset behind the frame.

    Raises ``ValueError`` where no such frame stands.
    """
    word = int.from_bytes(store.read(at, LENGTH.size), "big")
    size = word & ~CHECKPOINT_BIT
    if word == size or size > MAX_NOTE_BYTES:
        raise ValueError("expected a checkpoint frame")
    data = store.read(Position(at.segment, at.offset + LENGTH.size), size + TAIL_BYTES)
    note, tail = data[:size], data[size:]
    if canonical.digest(note) != tail:
        raise ValueError("expected the note's digest")
    return note, at.offset + LENGTH.size + size + TAIL_BYTES


def dump_mark(mark: Mark, places: Places) -> bytes:
    """The head cache for ``mark``."""
    edge: list[canonical.Json] = list(mark.edge)
    start, keys = mark.start, mark.keys
    values: list[canonical.Json] = [
        _VERSION,
        start.segment,
        start.offset,
        mark.size,
        edge,
        places.dump(),
    ]
    if keys is not None and (len(keys.epochs) > 1 or keys.notes):
        notes: list[canonical.Json] = [[seq, note] for seq, note in keys.notes]
        values += [keys.epochs.text(), notes]
    return canonical.encode(values)


def load_mark(store: Store, begun: KeyHistory, places: Places) -> Mark | None:
    """The cached mark, when the signed log confirms it; None sends the caller to look elsewhere.

    ``begun`` is what record 0 says of the keys.
    """
    # A cache is never worth an error: whatever is wrong with it, following finds the truth.
    with suppress(LedgerError, ValueError, TypeError, ArithmeticError):
        data = store.cached()
        return None if data is None else _confirmed(store, begun, places, canonical.decode(data))
    return None


def _confirmed(
    store: Store, begun: KeyHistory, places: Places, values: canonical.Json
) -> Mark | None:
    if not isinstance(values, list) or values[:1] != [_VERSION]:
        return None
    keys = begun if len(values) == _FIELDS else _history(begun, values[_FIELDS:])
    _, segment, offset, size, edge, columns = values[:_FIELDS]
    if not (isinstance(segment, int) and isinstance(offset, int) and isinstance(size, int)):
        return None
    if not isinstance(edge, list) or not isinstance(columns, list) or segment < 0 or offset < 0:
        return None
    start = Position(segment, offset)
    check_header(store.read(Position(segment, 0), HEADER.size), segment)
    found, stop = read_checkpoint(store, start, keys.epochs)
    frontier = Frontier(size, [part for part in edge if isinstance(part, bytes)])
    if size <= keys.epochs.current.first and len(keys.epochs) > 1:
        return None  # the newest key has signed nothing that could state the table
    if found.size != size or found.root != frontier.root():
        return None
    places.load(columns)
    end = Position(segment, stop)
    return Mark(size, found.chain, found.hlc, tuple(frontier.hashes), found, start, end, keys)


def _history(begun: KeyHistory, values: list[canonical.Json]) -> KeyHistory:
    text, notes = values
    if not isinstance(text, str) or not isinstance(notes, list):
        raise TypeError("expected epochs and endorsements")
    epochs = Epochs.parse(text)
    if not epochs.begins_with(begun.epochs):
        raise ValueError("expected the key of record 0 in epoch 0")
    found: list[tuple[int, bytes]] = []
    for row in notes:
        if not isinstance(row, list):
            raise TypeError("expected a seq and a note")
        seq, note = row
        if not isinstance(seq, int) or not isinstance(note, bytes):
            raise TypeError("expected a seq and a note")
        found.append((seq, note))
    return replace(begun, epochs=epochs, notes=tuple(found))
