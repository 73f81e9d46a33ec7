"""Where the following of a log may begin, so that opening does not take its whole length.

Three places serve: the head cache, the last waypoint behind it, the opening of the last segment
whose seal tells the truth. Each gives a state that a signature in the log itself states at that
place; whether its key is the right one is for the caller. From there to the end of the log all is
followed, every signed head included. What lies before is covered by the signature; whether
it still is what was signed is asked by reading and by verification.

Waypoints are looked for by their bytes, from the end of the log backwards. The same bytes may stand
in a record, put there by whoever may append. So what is found must be a whole signed frame, and the
log must go on from it; where it does not, opening begins further back.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from ledger.chain.follower import Mark
from ledger.chain.places import Places, load_mark, read_note
from ledger.chain.sealing import nearest_mark, note_openings
from ledger.errors import LedgerError
from ledger.storage.run import LENGTH
from ledger.storage.segment import HEADER
from ledger.storage.store import Position, Store
from ledger.storage.waypoints import EDGE, INTERVAL, Waypoint
from ledger.trust import checkpoint
from ledger.trust.endorsement import KeyHistory
from ledger.trust.merkle import Frontier

_NEEDLE: Final = f"\n{EDGE} ".encode()
_REACH: Final = 1024  # from a head's first line to its edge
_APART: Final = INTERVAL * 4
_PROBE: Final = 64 * 1024
_MOST_TRIES: Final = 4096


class Beginning(NamedTuple):
    """Marks to begin at, the best first; only the last is sure to be a place of the log."""

    marks: Sequence[Mark]
    cached: Mark | None
    false_seals: Sequence[int]


def beginnings(store: Store, start: Mark, places: Places) -> Beginning:
    """Where the log in ``store``, which begins at ``start``, may be followed from."""
    assert start.keys is not None
    false: Sequence[int] = ()
    sure, cached = start, load_mark(store, start.keys, places)
    if cached is not None:
        sure = cached
    if sure.stop.segment < store.end().segment:
        sealed, false = nearest_mark(store, start.keys)
        note_openings(store, start.keys.epochs.origin, places)
        if sealed is not None and sealed.size >= sure.size:
            sure = sealed
    found = _last_waypoint(store, sure)
    if found is None:
        return Beginning((sure,), cached, false)
    for mark in (*_between(store, sure, found), found):
        places.note(mark.size, mark.start)
    return Beginning((found, sure), cached, false)


def _last_waypoint(store: Store, before: Mark) -> Mark | None:
    """The last waypoint behind ``before`` in the log's last segment."""
    segment, upper = store.end()
    least = _offset_behind(before, segment)
    if least is None or upper - least <= INTERVAL:
        return None  # this much is followed soon enough
    tries = _MOST_TRIES
    while upper > least:
        lower = max(upper - INTERVAL, least)
        for at in _candidates(store, before, Position(segment, lower), upper + _REACH):
            mark = _mark(store, before, at)
            tries -= 1
            if mark is not None:
                return mark
            if not tries:
                return None
        upper = lower
    return None


def _between(store: Store, before: Mark, last: Mark) -> Iterator[Mark]:
    """Waypoints at which reading may begin: some of those that lie close behind an interval."""
    segment = last.start.segment
    least = _offset_behind(before, segment) or 0
    for lower in range(least - least % _APART + _APART, last.start.offset, _APART):
        upper = min(lower + _PROBE, last.start.offset)
        for at in _candidates(store, before, Position(segment, lower), upper):
            mark = _mark(store, before, at)
            if mark is not None:
                yield mark
            break


def _offset_behind(mark: Mark, segment: int) -> int | None:
    """The offset in ``segment`` where ``mark`` ends; None where a segment lies between."""
    if mark.stop.segment == segment:
        return mark.stop.offset
    return HEADER.size if segment == 0 else None


def _candidates(store: Store, before: Mark, start: Position, stop: int) -> Iterator[Position]:
    """Where frames may begin whose head states an edge, the last first."""
    assert before.keys is not None
    window = store.read(start, stop - start.offset)
    first = f"{before.keys.epochs.origin}\n".encode()
    hit = window.rfind(_NEEDLE)
    while hit >= 0:
        begin = window.rfind(first, max(hit - _REACH, 0), hit + 1)
        if begin >= LENGTH.size:
            yield Position(start.segment, start.offset + begin - LENGTH.size)
        hit = window.rfind(_NEEDLE, 0, hit)


def _mark(store: Store, before: Mark, at: Position) -> Mark | None:
    """The mark that the waypoint at ``at`` states; None where there is none that is signed."""
    assert before.keys is not None
    try:
        note, stop = read_note(store, at)
        waypoint = Waypoint.parse(checkpoint.read(note).extensions)
        if waypoint is None:
            return None
        keys = _keys(before.keys, waypoint)
        found = checkpoint.confirmed(note, keys.epochs)
        edge = Frontier(found.size, waypoint.edge)
        true = found.root == edge.root() and found.size > before.size
        # Until the newest key has signed a head, nothing states the table with it.
        if not true or (len(keys.epochs) > 1 and found.size <= keys.epochs.current.first):
            return None
        end = Position(at.segment, stop)
        return Mark(found.size, found.chain, found.hlc, waypoint.edge, found, at, end, keys)
    except (LedgerError, ValueError):
        return None


def _keys(known: KeyHistory, waypoint: Waypoint) -> KeyHistory:
    """What is known of the keys, and what the waypoint adds to it."""
    epochs, notes = known.epochs, known.notes
    if waypoint.rotations:
        epochs = epochs.until(waypoint.rotations[0].number - 1)
    for row in waypoint.rotations:
        epochs = epochs.rotated(row.first, row.key, row.chain)
    if waypoint.endorsements:
        first = waypoint.endorsements[0][0]
        notes = (*(each for each in notes if each[0] < first), *waypoint.endorsements)
    return replace(known, epochs=epochs, notes=notes)
