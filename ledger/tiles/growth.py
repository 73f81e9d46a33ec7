"""A growing tree as tiles: what comes in are leaf hashes, what goes out are full tiles. Pure.

State: one unfinished tile for each level, so a tree of any size is held in a few KiB. When a tile
becomes full it is given out, and its root enters the level above. The unfinished tiles are exactly
the partial tiles of the tree as it stands.
"""

from collections.abc import Iterable, Iterator

from ledger.errors import ProofError
from ledger.tiles.form import HEIGHT, TILE_BYTES, WIDTH, TileAt, rows, tile_root, width_of
from ledger.trust.merkle import HASH_BYTES, Frontier


class Growth:
    """The right edge of a tree, level by level."""

    __slots__ = ("_levels", "size")

    def __init__(self, size: int = 0, levels: Iterable[bytes] = ()) -> None:
        """Resume at ``size`` with the partial tiles of all levels; empty where none is."""
        self.size = size
        self._levels = [bytearray(data) for data in levels]
        expected = [
            width_of(size, level, size >> (HEIGHT * (level + 1))) * HASH_BYTES
            for level in range(len(self._levels))
        ]
        if [len(data) for data in self._levels] != expected or size >> HEIGHT * len(self._levels):
            raise ProofError(f"expected the partial tiles of a tree of {size} leaves, found others")

    def extend(self, leaves: Iterable[bytes]) -> Iterator[tuple[TileAt, bytes]]:
        """Take leaf hashes; gives each tile that became full. Must be iterated to its end."""
        lowest = self._level(0)
        for leaf in leaves:
            lowest += leaf
            self.size += 1
            if len(lowest) == TILE_BYTES:
                yield from self._carry()

    def partials(self) -> Iterator[tuple[TileAt, bytes]]:
        """The unfinished tiles as they stand."""
        for level, data in enumerate(self._levels):
            if data:
                index = self.size >> (HEIGHT * (level + 1))
                yield TileAt(level, index, len(data) // HASH_BYTES), bytes(data)

    def partial(self, level: int) -> bytes:
        """The unfinished tile of ``level``."""
        return bytes(self._levels[level]) if level < len(self._levels) else b""

    def root(self) -> bytes:
        """The root over all leaves so far."""
        edge: list[bytes] = []
        for data in reversed(self._levels):
            inner = rows(bytes(data)) if data else ()
            edge += [row[-HASH_BYTES:] for row in reversed(inner) if len(row) // HASH_BYTES & 1]
        return Frontier(self.size, edge).root()

    def _carry(self) -> Iterator[tuple[TileAt, bytes]]:
        """Give the full tiles, from the lowest level up, and empty them."""
        level = 0
        while len(data := self._level(level)) == TILE_BYTES:
            full = bytes(data)
            yield TileAt(level, (self.size >> (HEIGHT * (level + 1))) - 1, WIDTH), full
            data.clear()
            level += 1
            self._level(level).extend(tile_root(full))

    def _level(self, level: int) -> bytearray:
        while len(self._levels) <= level:
            self._levels.append(bytearray())
        return self._levels[level]
