"""Waypoints: signed heads that say enough for the log to be followed from them on.

A head states the tree's root, and no tree grows from a root alone. So the first head behind each
``INTERVAL`` of a segment (behind 16, where groups are large) states more, as extension lines:

    edge <hash> …                         the tree's right edge, largest first, as in a seal
    rotations <row> …                     what happened to the keys since the segment began: rows
    endorsements <seq> <note> …           of the table of epochs, and notes of the root

Hashes and notes are base64, a row is four words. The last two lines stand only where there is
something to tell. They are signed with the rest of the head, and whoever follows the log holds them
against it.

Pure: words in, values out. Not here: where in a log they are looked for (``chain.opening``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

from ledger.errors import SealError
from ledger.storage.seals import Endorsed, number
from ledger.trust.endorsement import KeyHistory
from ledger.trust.epochs import Epoch
from ledger.trust.note import MAX_NOTE_BYTES, decode64, encode64

INTERVAL: Final = 256 * 1024
"""Bytes of a segment; at most some 600 heads of one record each."""
EDGE: Final = "edge"
_ROTATIONS: Final = "rotations"
_ENDORSEMENTS: Final = "endorsements"
_ROW: Final = 4
_LIMIT: Final = MAX_NOTE_BYTES // 2
_LARGE: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Waypoint:
    """The tree's edge, and what happened to the keys in this segment up to there."""

    edge: tuple[bytes, ...]
    rotations: tuple[Epoch, ...] = ()
    endorsements: tuple[Endorsed, ...] = ()

    @classmethod
    def of(cls, edge: tuple[bytes, ...], keys: KeyHistory, first: int) -> Self:
        """The waypoint of a log with ``keys``, in a segment whose first record is ``first``."""
        rows = tuple(row for row in keys.epochs.rows if row.first > first)
        return cls(edge, rows, tuple(each for each in keys.notes if each[0] >= first))

    def extensions(self) -> dict[str, str]:
        """The lines by name; none where they would not fit into a note."""
        found = {EDGE: " ".join(map(encode64, self.edge))}
        if self.rotations:
            found[_ROTATIONS] = " ".join(row.line().partition(" ")[2] for row in self.rotations)
        if self.endorsements:
            told = (f"{seq} {encode64(note)}" for seq, note in self.endorsements)
            found[_ENDORSEMENTS] = " ".join(told)
        return found if sum(map(len, found.values())) < _LIMIT else {}

    @classmethod
    def parse(cls, extensions: Mapping[str, str]) -> Self | None:
        """What ``extensions`` of a head say; None where they state no edge.

        Raises ``NoteError`` for what ``extensions`` would not have written.
        """
        if EDGE not in extensions:
            return None
        rows = _grouped(extensions, _ROTATIONS, _ROW)
        notes = _grouped(extensions, _ENDORSEMENTS, 2)
        return cls(
            tuple(map(decode64, extensions[EDGE].split(" "))),
            tuple(Epoch.parse(" ".join(("epoch", *row))) for row in rows),
            tuple((number(seq, "seq"), decode64(note)) for seq, note in notes),
        )

    def holds(self, edge: tuple[bytes, ...], keys: KeyHistory) -> bool:
        """Whether a log with this edge and ``keys`` says the same, as far as this says anything."""
        rows, notes = self.rotations, self.endorsements
        return (
            self.edge == edge
            and keys.epochs.rows[len(keys.epochs) - len(rows) :] == rows
            and keys.notes[len(keys.notes) - len(notes) :] == notes
        )


def due(last: int, stop: int) -> bool:
    """Whether the head at offset ``stop`` is a waypoint, with the head before it at ``last``.

    What takes time to follow are heads, and a waypoint costs its writer a file or two: large groups
    have few heads, and would have a waypoint each.
    """
    step = INTERVAL * 16 if stop - last >= _LARGE else INTERVAL
    return last // step != stop // step


def _grouped(extensions: Mapping[str, str], name: str, size: int) -> Iterator[tuple[str, ...]]:
    words = extensions[name].split(" ") if name in extensions else []
    if len(words) % size:
        raise SealError(f"expected words by {size} in the line '{name}', found {len(words)}")
    return zip(*[iter(words)] * size, strict=True)
