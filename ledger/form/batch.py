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
from itertools import chain, repeat
from typing import Final, NamedTuple, TypeAlias, cast

import ormsgpack

from ledger.form import canonical
from ledger.form.record import MAX_BODY_BYTES, VERSION, Entry, Record, is_digest

MOST: Final = 256
"""Bodies at once: more would leave the processor's cache, and give the collector work."""
LEAST: Final = 9
"""Fewer make an array with another head, and gain nothing."""
_MARK: Final = os.urandom(16)
_BETWEEN: Final = b"\xc4\x10" + _MARK
_SORTED: Final = ormsgpack.OPT_SORT_KEYS
_EXACT: Final = (
    _SORTED
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
)
_Map: TypeAlias = "dict[str, canonical.Json]"
_INT: Final = {int}
_BEGINNINGS: Final = {bytes((0x90 + len(Record._fields[:-2]), VERSION))}


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
        rows: list[list[object]] = values[::2]
        columns = list(zip(*rows, strict=True))
        holds = values[1::2].count(_MARK) == len(bodies) - 1 and _holds(columns)
    except (ValueError, TypeError):
        return None
    # What begins a canonical body says that it is an array of eleven, and of which version.
    if not holds or {body[:2] for body in bodies} != _BEGINNINGS:
        return None
    if len(array) >= MAX_BODY_BYTES <= max(map(len, bodies)):
        return None
    return Batch(rows, cast("tuple[int, ...]", columns[1]), cast("tuple[int, ...]", columns[2]))


def encoded(
    entries: Sequence[Entry], first: int, times: Sequence[int], node: str
) -> list[bytes] | None:
    """The bodies of ``entries`` as records from ``first`` on, if all of them are good, else None.

    Calling the encoder for each costs no more than parting what it makes of all would.
    """
    total = len(entries)
    sessions = [entry.session for entry in entries]
    actors = [entry.actor for entry in entries]
    tokens = [entry.token for entry in entries]
    kinds = [entry.kind for entry in entries]
    maps = [entry.attributes for entry in entries]
    payloads = [entry.payload for entry in entries]
    commitments = [entry.commitment for entry in entries]
    rows = zip(
        repeat(VERSION, total),
        range(first, first + total),
        times,
        repeat(node, total),
        sessions,
        actors,
        tokens,
        kinds,
        maps,
        payloads,
        commitments,
        strict=True,
    )
    try:
        # Subclasses of str and dict pass here; the encoder is told to refuse them.
        if not (_are_leaves(cast("list[_Map]", maps)) and all(kinds)):
            return None
        if not all(map(_are_texts, ((node,), sessions, actors, tokens, kinds))):
            return None
        if not (_are_digests(payloads) and _are_digests(commitments)):
            return None
        bodies = list(map(ormsgpack.packb, rows, repeat(None), repeat(_EXACT)))
    except (ValueError, TypeError):
        return None
    return bodies if max(map(len, bodies)) < MAX_BODY_BYTES else None


def _are_texts(column: Sequence[object]) -> bool:
    """Whether all are strings, or of a subclass; to join them is quicker than to look at each."""
    try:
        "".join(cast("Sequence[str]", column))
    except TypeError:
        return False
    return True


def _are_leaves(maps: Iterable[_Map]) -> bool:
    """Whether no map holds another container, nor anything without a form."""
    return canonical.LEAVES.issuperset(map(type, chain.from_iterable(map(dict.values, maps))))


def _holds(columns: list[tuple[object, ...]]) -> bool:
    """Whether the columns of decoded rows are those of records; ``TypeError`` says no as well.

    Decoding makes exact types only, so that what can be joined is text, and what has values a map.
    """
    _, seq, hlc, *texts, maps, payload, commitment = columns
    if {*map(type, seq), *map(type, hlc)} != _INT:
        return False
    if min(cast("tuple[int, ...]", seq)) < 0 or min(cast("tuple[int, ...]", hlc)) < 0:
        return False
    if not all(map(_are_texts, texts)) or not all(texts[-1]):
        return False
    if not _are_digests(payload) or not _are_digests(commitment):
        return False
    found = cast("tuple[_Map, ...]", maps)
    return _are_leaves(found) or all(map(canonical.is_canonical, found))


def _are_digests(column: Sequence[object]) -> bool:
    """Whether all are 32 bytes or absent; most often all are absent, which is soon seen."""
    return column.count(None) == len(column) or all(map(is_digest, column))
