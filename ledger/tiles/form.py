"""The form of tiles: names, widths and contents as C2SP tlog-tiles defines them. Pure.

Tile ``number`` of ``level`` holds up to 256 consecutive nodes of height ``8 * level``: leaf hashes
on level 0, roots of full tiles of the level below elsewhere. An entry bundle holds the 256 leaves
themselves, each behind its length in two bytes, and is named as level 0 is. A tile of fewer hashes
is *partial* and carries its width in its name; it is the right edge of one tree only, and what a
name stands for never changes.
"""

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final, NamedTuple

from ledger.errors import FormatError
from ledger.trust.merkle import HASH_BYTES

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
TILE_BYTES: Final = WIDTH * HASH_BYTES
ENTRIES: Final = -1
"""The level by which entry bundles go here."""
MAX_LEVEL: Final = 63
MAX_LEAVES: Final = 1 << 63
_PAIR: Final = 2 * HASH_BYTES
_LENGTH_BYTES: Final = 2
_NODE: Final = b"\x01"
_PATH: Final = (  # compiled at first use: proofs need no names read
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


class TileAt(NamedTuple):
    """Which tile: its level, its number there, and how many hashes (or entries) it holds."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its name below the log's address."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        suffix = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{_index_path(self.number)}{suffix}"


def parse(path: str) -> TileAt:
    """The tile of this name; refuses every other spelling."""
    found = re.fullmatch(_PATH, path, re.ASCII)
    if found is not None:
        level, width = found["level"], int(found["width"] or WIDTH)
        index = int(found["index"].replace("x", "").replace("/", ""))
        at = TileAt(ENTRIES if level == "entries" else int(level), index, width)
        if at.level <= MAX_LEVEL and at.number < MAX_LEAVES and at.path == path:
            return at
    raise FormatError(
        f"expected the name of a tile, such as tile/0/x001/234.p/5, found {path[:80]!r}"
    )


def width_of(size: int, level: int, index: int) -> int:
    """How many hashes the tree of ``size`` leaves has in this tile: 0 to 256."""
    nodes = size if level == ENTRIES else size >> (HEIGHT * level)
    return max(0, min(WIDTH, nodes - index * WIDTH))


def tiles_of(size: int) -> Iterator[TileAt]:
    """All hash tiles of the tree of ``size`` leaves, from the leaves up, left to right."""
    level, nodes = 0, size
    while nodes:
        for index in range(-(-nodes // WIDTH)):
            yield TileAt(level, index, width_of(size, level, index))
        level, nodes = level + 1, nodes >> HEIGHT


def bundles_of(size: int) -> Iterator[TileAt]:
    """All entry bundles of a log of ``size`` entries."""
    for index in range(-(-size // WIDTH)):
        yield TileAt(ENTRIES, index, width_of(size, ENTRIES, index))


def rows(data: bytes) -> tuple[bytes, ...]:
    """The perfect nodes inside a tile: row ``h`` is all those of height ``h``, one after another.

    The last row of a full tile is its root.
    """
    found = [data]
    while len(data) >= _PAIR:
        data = b"".join(
            [
                sha256(_NODE + data[at : at + _PAIR]).digest()
                for at in range(0, len(data) - _PAIR + 1, _PAIR)
            ]
        )
        found.append(data)
    return tuple(found)


def tile_root(data: bytes) -> bytes:
    """The hash of a full tile, as the level above holds it."""
    return rows(data)[HEIGHT]


def bundle(entries: Iterable[bytes]) -> bytes:
    """The entry bundle of these leaves."""
    parts: list[bytes] = []
    for entry in entries:
        parts += (len(entry).to_bytes(_LENGTH_BYTES, "big"), entry)
    return b"".join(parts)


def unbundle(data: bytes, width: int = WIDTH) -> list[bytes]:
    """The ``width`` leaves of an entry bundle; refuses other counts and cut ends."""
    entries: list[bytes] = []
    at = 0
    while at < len(data) and len(entries) < width:
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(data[at:start], "big")
        entries.append(data[start:at])
    if at != len(data) or len(entries) != width:
        raise FormatError(
            f"expected a bundle of {width} entries, found {len(entries)} in {len(data)} bytes, "
            f"the last ending at {at}; fetch it again"
        )
    return entries


def _index_path(index: int) -> str:
    digits = str(index)
    digits = digits.rjust(-(-len(digits) // 3) * 3, "0")
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
