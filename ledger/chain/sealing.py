"""Sealing full segments, and beginning behind them without reading them.

A seal is written under the store's lock, when the segment after it is about to begin. A crash
between leaves the seal of a segment that still grows: it means nothing, and is replaced when the
segment is full. A seal that is missing or of no use is written anew at the next open for
appending, by following that segment once.

What a seal claims becomes a ``Mark`` only when the checkpoint at the head of the next segment is
signed and states the same size, time and chain digest, and the Merkle root that the claimed edge
folds to. A false seal therefore costs reading, and nothing else.
"""

from collections.abc import Container
from contextlib import suppress
from dataclasses import replace

from ledger.chain.follower import Follower, Mark
from ledger.chain.following import follow_log
from ledger.chain.places import Places, read_checkpoint
from ledger.errors import DamagedError, LedgerError
from ledger.form.record import genesis
from ledger.storage import seals, segment
from ledger.storage.seals import Seal, State
from ledger.storage.store import Position, Store
from ledger.trust import note
from ledger.trust.endorsement import KeyHistory
from ledger.trust.keys import Signer

OPENING = segment.HEADER.size
"""Where the checkpoint lies that a segment opens with."""


def state_of(mark: Mark) -> State:
    """What a seal says of a mark."""
    return State(mark.size, mark.chain, mark.hlc, mark.edge)


def beginning(origin: str) -> State:
    """The state before the first record."""
    return State(0, genesis(origin), 0, ())


def read_seal(store: Store, number: int, origin: str) -> Seal | None:
    """The seal of segment ``number`` as far as its form goes; nothing is confirmed."""
    data = store.seal(number)
    if data is None:
        return None
    try:
        seal = Seal.parse(note.parse(data).text)
    except LedgerError:
        return None
    return seal if (seal.origin, seal.segment) == (origin, number) else None


def histories(store: Store, begun: KeyHistory) -> list[KeyHistory]:
    """What the seals say of the keys before each segment.

    ``begun`` is what record 0 says, or what is known where a pruned log begins.
    A seal that is missing says nothing. What is wrong with the result shows where it is used: the
    opening checkpoints state the table of epochs.
    """
    first = store.first()
    found = [begun] * (first + 1)
    for number in range(first, store.end().segment):
        keys, seal = found[-1], read_seal(store, number, begun.epochs.origin)
        if seal is not None:
            with suppress(LedgerError):
                for row in seal.rotations:
                    keys = replace(keys, epochs=keys.epochs.rotated(*row[1:]))
            keys = replace(keys, notes=keys.notes + seal.endorsements)
        found.append(keys)
    return found


def opening_mark(store: Store, number: int, keys: KeyHistory, state: State) -> Mark | None:
    """The mark behind the opening of segment ``number``, if what is signed there says ``state``."""
    at = Position(number, OPENING)
    try:
        segment.check_header(store.read(Position(number, 0), OPENING), number)
        found, stop = read_checkpoint(store, at, keys.epochs)
        facts = (found.size, found.root, found.chain, found.hlc)
    except (LedgerError, ValueError):
        return None
    if facts != (state.size, state.root, state.chain, state.hlc):
        return None
    end = Position(number, stop)
    return Mark(state.size, state.chain, state.hlc, state.edge, found, at, end, keys)


def mark_from_seal(store: Store, number: int, keys: KeyHistory) -> Mark | None:
    """Where segment ``number`` begins, from the seal of the one before; None without a true one.

    ``keys`` is their history up to there.
    """
    seal = read_seal(store, number - 1, keys.epochs.origin) if number > 0 else None
    return None if seal is None else opening_mark(store, number, keys, seal.exit)


def seal_segment(store: Store, signer: Signer, number: int, entry: State, mark: Mark) -> None:
    """Write the seal of segment ``number``, which stands complete on the disk and ends at ``mark``.

    What happened to the keys in it is part of what it says.
    """
    assert mark.keys is not None
    length = store.length(number)
    name = seals.digest_of(lambda at, count: store.read(Position(number, at), count), length)
    rows = tuple(row for row in mark.keys.epochs if row.first > entry.size)
    notes = tuple(note for note in mark.keys.notes if note[0] >= entry.size)
    seal = Seal(signer.name, number, length, name, entry, state_of(mark), rows, notes)
    if seal.fits():
        store.keep_seal(number, signer.sign(seal.text()).encode())


def seal_last(store: Store, signer: Signer, mark: Mark) -> None:
    """Seal the last segment, which ends at ``mark``; nothing when its entry is not known."""
    number = mark.stop.segment
    if number == 0:
        entry: State | None = beginning(signer.name)
    else:
        assert mark.keys is not None
        before = mark_from_seal(store, number, mark.keys)
        entry = None if before is None else state_of(before)
    if entry is not None:
        seal_segment(store, signer, number, entry, mark)


def first_of_segment(store: Store, number: int, keys: KeyHistory) -> int | None:
    """The first record of segment ``number``, as its signed opening states it; None if damaged."""
    if number <= 0:
        return 0
    try:
        return read_checkpoint(store, Position(number, OPENING), keys.epochs)[0].size
    except (LedgerError, ValueError):
        return None


def nearest_mark(store: Store, begun: KeyHistory) -> tuple[Mark | None, list[int]]:
    """The last segment's beginning that a seal tells truly, and the seals that do not."""
    false: list[int] = []
    keys = histories(store, begun)
    for number in range(store.end().segment, store.first(), -1):
        mark = mark_from_seal(store, number, keys[number])
        if mark is not None:
            return mark, false
        false.append(number - 1)
    return None, false


def note_openings(store: Store, origin: str, places: Places) -> None:
    """Let reading begin where segments do; whoever starts there verifies the signature first."""
    for number in range(store.first(), store.end().segment):
        seal = read_seal(store, number, origin)
        if seal is not None:
            places.note(seal.exit.size, Position(number + 1, OPENING))


def seal_missing(store: Store, signer: Signer, begin: Mark, false: Container[int] = ()) -> None:
    """Write the seals that full segments lack, and those known to be ``false``.

    ``begin`` is where the log as it is on the disk begins, with what is known of its keys there.
    Damage met on the way ends this quietly: a seal only saves time, and following or verifying
    the log is what names damage.
    """
    for number in range(store.first(), store.end().segment):
        if number in false or read_seal(store, number, signer.name) is None:
            try:
                _seal_from_log(store, signer, number, begin)
            except DamagedError:
                return


def _seal_from_log(store: Store, signer: Signer, number: int, begin: Mark) -> None:
    """Follow the log up to the end of segment ``number``, sealing what is passed."""
    assert begin.keys is not None
    follower, start, first = Follower(signer.public), number, store.first()
    known = histories(store, begin.keys)
    follower.begin(begin)
    while start > first:
        mark = mark_from_seal(store, start, known[start])
        if mark is not None:
            follower.begin(mark)
            break
        start -= 1
    for each in range(start, number + 1):
        entry = state_of(follower.mark) if each else beginning(signer.name)
        for _ in follow_log(store, follower, Position(each, store.length(each))):
            pass
        seal_segment(store, signer, each, entry, follower.mark)
