"""Checking and making many bodies at once, which takes far less time than one after another.

To check, the bodies are decoded in one call, as one array in which a mark stands between them, and
encoded again in one call: where the bytes are the same, every body is canonical. That no body
reaches over its end into the next is shown by the marks: they are drawn anew in each process, so
nobody can have put one into a body, and all of them must come back as elements of their own, in
place.

To make them, the same rules are asked of all entries, a column at a time.

This only ever says yes. Whoever hears no looks at each body with ``record.fields``, or makes each
with ``record.body_of``, to learn which.
"""

import os
from collections.abc import Iterable, Sequence
from itertools import chain, count
from typing import Final, NamedTuple, TypeAlias, cast

import ormsgpack

from ledger.form import canonical
from ledger.form.record import MAX_BODY_BYTES, VERSION, Entry, is_digest

MOST: Final = 256
"""Bodies at once: more would leave the processor's cache, and give the collector work."""
LEAST: Final = 9
"""Fewer make an array with another head, and gain nothing."""
_MARK: Final = os.urandom(16)
_BETWEEN: Final = b"\xc4\x10" + _MARK
_SORTED: Final = ormsgpack.OPT_SORT_KEYS
_Map: TypeAlias = "dict[str, canonical.Json]"
_INT: Final = {int}
_STR: Final = {str}
_DICT: Final = {dict}
_NONE: Final = {type(None)}


class Batch(NamedTuple):
    """The eleven fields of each body, and two of them as columns."""

    rows: list[list[object]]
    seqs: tuple[int, ...]
    times: tuple[int, ...]


def checked(bodies: list[bytes]) -> Batch | None:
    """What ``LEAST`` to ``MOST`` bodies hold if all of them are good, else None."""
    head = b"\xdc" + (2 * len(bodies) - 1).to_bytes(2, "big")
    array = head + _BETWEEN.join(bodies)
    try:
        values = ormsgpack.unpackb(array)
        if ormsgpack.packb(values, option=_SORTED) != array:
            return None
        found: list[list[object]] = values[::2]
        columns = list(zip(*found, strict=True))
    except (ValueError, TypeError):
        return None
    whole = values[1::2] == [_MARK] * (len(bodies) - 1) and set(map(type, found)) == {list}
    if not whole or max(map(len, bodies)) >= MAX_BODY_BYTES or not _holds(columns):
        return None
    maps = cast("tuple[_Map, ...]", columns[8])
    if not _are_leaves(maps) and not all(map(canonical.is_canonical, maps)):
        return None
    return Batch(found, columns[1], columns[2])


def encoded(
    entries: Sequence[Entry], first: int, times: Sequence[int], node: str
) -> list[bytes] | None:
    """The bodies of ``entries`` as records from ``first`` on, if all of them are good, else None.

    Calling the encoder for each costs no more than parting what it makes of all would.
    """
    rows = [
        (
            VERSION,
            seq,
            hlc,
            node,
            entry.session,
            entry.actor,
            entry.token,
            entry.kind,
            entry.attributes,
            entry.payload,
            entry.commitment,
        )
        for seq, hlc, entry in zip(count(first), times, entries)
    ]
    _, _, _, _, sessions, actors, tokens, kinds, maps, *digests = zip(*rows, strict=True)
    texts = set(map(type, chain(sessions, actors, tokens, kinds, (node,)))) == _STR
    if not texts or not all(kinds) or not all(map(_are_digests, digests)):
        return None
    if set(map(type, maps)) != _DICT or not _are_leaves(maps):
        return None
    pack = ormsgpack.packb
    try:
        bodies = [pack(row, None, _SORTED) for row in rows]
    except (ValueError, TypeError):
        return None
    return bodies if max(map(len, bodies)) < MAX_BODY_BYTES else None


def _are_leaves(maps: Iterable[_Map]) -> bool:
    """Whether no map holds another container, nor anything without a form."""
    return canonical.LEAVES.issuperset(map(type, chain.from_iterable(map(dict.values, maps))))


def _holds(columns: list[tuple[object, ...]]) -> bool:
    """Whether types and ranges are those of records, column by column, but for what maps hold."""
    types = [set(map(type, column)) for column in columns]
    if types[:-2] != [_INT, _INT, _INT, _STR, _STR, _STR, _STR, _STR, _DICT] or len(types) != 11:  # noqa: PLR2004
        return False
    version, seq, hlc, _, _, _, _, kind, _, *digests = columns
    if set(version) != {VERSION} or not all(kind):
        return False
    if min(cast("tuple[int, ...]", seq)) < 0 or min(cast("tuple[int, ...]", hlc)) < 0:
        return False
    return all(map(_are_digests, digests))


def _are_digests(column: tuple[object, ...]) -> bool:
    """Whether all are 32 bytes or absent; most often all are absent, which is soon seen."""
    return set(map(type, column)) == _NONE or all(map(is_digest, column))
