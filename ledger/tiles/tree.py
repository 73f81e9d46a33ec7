"""The tree of a log, answered from tiles: nodes, roots of any size, and proofs.

State: the unfinished tiles of the tree as far as it was caught up (``Growth``), and a bounded
number of full tiles with their inner nodes. Full tiles rest in a folder, if there is one; what is
missing there is made again from the log, and put back.

Nothing that comes from a folder is believed. Catching up ends with the comparison of the tree's
root with a root that the caller knows for certain (a signed one), and each proof is verified
against that root before it is given out. When either fails, all tiles are made again from the
log; when that does not help, the log and the root do not belong together, and ``DamagedError`` is
raised.

Thread-safe. Not here: which root is certain, and how leaf hashes are read from a log.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from threading import RLock
from typing import Final, TypeAlias, TypeVar

from ledger.errors import DamagedError, DurabilityError, ProofError
from ledger.tiles.folder import TileFolder
from ledger.tiles.form import HEIGHT, WIDTH, TileAt, rows, tile_root, width_of
from ledger.tiles.growth import Growth
from ledger.trust.merkle import (
    HASH_BYTES,
    Frontier,
    InclusionProof,
    consistency_proof,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)

Leaves: TypeAlias = Callable[[int, int], Iterable[bytes]]
"""Answers the leaf hashes of a range of records from the log itself."""
KEPT_TILES: Final = 256
"""Full tiles held in memory, 16 KiB each."""
_Answer = TypeVar("_Answer")


class TiledTree:
    """The Merkle tree of one log, over tiles that may be lost at any time."""

    def __init__(
        self,
        folder: TileFolder | None,
        leaves: Leaves,
        *,
        writable: bool = True,
        strict: bool = False,
        keep: int = KEPT_TILES,
        first: Callable[[], int] = lambda: 0,
    ) -> None:
        """Answer from ``folder`` and ``leaves``.

        A folder that cannot be written costs time only, unless ``strict`` asks for the error.
        ``first`` is the first leaf that the log still has: what was pruned before it is known by
        its tiles alone.
        """
        self._folder = folder
        self._leaves = leaves
        self._writable = writable and folder is not None
        self._strict = strict
        self._keep = keep
        self._first = first
        self._growth = Growth()
        self._known: tuple[int, bytes] = (-1, b"")
        self._cache: dict[TileAt, tuple[bytes, ...]] = {}
        self._lock = RLock()
        self.written = 0

    @property
    def size(self) -> int:
        """How many leaves the tree has, as far as it was caught up."""
        return self._growth.size

    def catch_up(self, size: int, root: bytes) -> None:
        """Grow to ``size`` leaves, whose root must be ``root``."""
        with self._lock:
            if self._known == (size, root):
                return
            if self._growth.size == 0 or self._growth.size > size:
                self._resume(size)
            if self._growth.size < size:
                self._grow(size, self._leaves(self._growth.size, size))
            if self._growth.root() != root:
                self._rebuild(size, root)
            self._known = (size, root)

    def inclusion(self, seq: int, size: int, root: bytes) -> InclusionProof:
        """The proof that leaf ``seq`` lies under ``root``; verified."""
        return self.inclusions((seq,), size, root)[seq]

    def inclusions(self, seqs: Iterable[int], size: int, root: bytes) -> dict[int, InclusionProof]:
        """Proofs for several leaves; each verified."""

        def answer(seq: int) -> InclusionProof:
            proof = inclusion_proof(seq, size, self.node)
            verify_inclusion(proof, self.node(0, seq), root)
            return proof

        chosen = sorted(set(seqs))
        for seq in chosen:
            if not 0 <= seq < size:
                raise ProofError(f"expected a leaf below {size}, found {seq}")
        with self._lock:
            return {seq: self._sure(size, root, partial(answer, seq)) for seq in chosen}

    def leaf(self, seq: int, size: int, root: bytes) -> bytes:
        """The hash of leaf ``seq``, proven to lie under ``root``."""
        with self._lock:
            self.inclusion(seq, size, root)
            return self.node(0, seq)

    def consistency(self, old: int, new: int, size: int, root: bytes) -> tuple[bytes, ...]:
        """The proof that the tree of ``old`` leaves is a prefix of that of ``new``; verified.

        Both are prefixes of the tree of ``size`` leaves under ``root``.
        """

        def answer() -> tuple[bytes, ...]:
            proof = consistency_proof(old, new, self.node)
            verify_consistency(old, new, older, newer, proof)
            return proof

        if not 0 < old <= new <= size:
            raise ProofError(f"expected 0 < old <= new <= {size}, found {old} and {new}")
        with self._lock:
            newer = self.root_at(new, size, root)
            older = self.root_at(old, size, root)
            return self._sure(size, root, answer)

    def root_at(self, old: int, size: int, root: bytes) -> bytes:
        """The root that the first ``old`` leaves had, proven to lead to ``root``."""

        def answer() -> bytes:
            levels = [level for level in range(old.bit_length()) if old >> level & 1]
            edge = [self.node(level, (old >> level) - 1) for level in reversed(levels)]
            found = Frontier(old, edge).root()
            verify_consistency(old, size, found, root, consistency_proof(old, size, self.node))
            return found

        if not 0 <= old <= size:
            raise ProofError(f"expected a size of at most {size}, found {old}")
        with self._lock:
            return Frontier().root() if old == 0 else self._sure(size, root, answer)

    def complete(self, size: int, root: bytes) -> None:
        """See to it that every tile lies in the folder; what it contains is not looked at."""
        with self._lock:
            self.catch_up(size, root)
            level, count = 0, size >> HEIGHT
            while count and self._folder is not None:
                for index in range(count):
                    at = TileAt(level, index)
                    if not self._folder.has(at):
                        self._write(at, self._make(at))
                level, count = level + 1, count >> HEIGHT
            self._write_partials()

    def check(self, size: int, root: bytes) -> None:
        """Hash every tile; those that are not what the log makes of them are replaced."""
        with self._lock:
            self.catch_up(size, root)
            whole = Growth()
            for at, data in whole.extend(self._every_leaf(size)):
                if self._folder is not None and self._folder.read(at) != data:
                    self._write(at, data)
            if whole.root() != root:
                self._rebuild(size, root)
            self._write_partials()

    def kept_leaves(self, start: int, stop: int) -> Iterator[bytes]:
        """The leaves of a range as the tiles of the lowest level hold them; not verified.

        The last tile, while it grows, counts as far as the tree was caught up.
        """
        for number in range(start // WIDTH, -(-stop // WIDTH) if start < stop else 0):
            base = number * WIDTH
            with self._lock:
                grows = 0 < width_of(self.size, 0, number) < WIDTH
                data = self._growth.partial(0) if grows else self._full(TileAt(0, number))
            yield from _hashes(data[max(start - base, 0) * HASH_BYTES : (stop - base) * HASH_BYTES])

    def node(self, level: int, index: int) -> bytes:
        """The perfect node ``(level, index)`` of the tree as far as it was caught up."""
        tile_level, height = divmod(level, HEIGHT)
        first = index << height
        place = (first & (WIDTH - 1)) >> height
        row = self._rows(tile_level, first >> HEIGHT)[height]
        found = row[place * HASH_BYTES : (place + 1) * HASH_BYTES]
        if len(found) != HASH_BYTES:
            raise ProofError(
                f"expected node ({level}, {index}) in a tree of {self.size} leaves, found none"
            )
        return found

    def _sure(self, size: int, root: bytes, answer: Callable[[], _Answer]) -> _Answer:
        """The answer of the tiles if it proves itself, else that of tiles made again."""
        self.catch_up(size, root)
        try:
            return answer()
        except ProofError:
            self._rebuild(size, root)
        try:
            return answer()
        except ProofError as problem:
            raise DamagedError(size - 1, f"its tree does not prove itself: {problem}") from problem

    def _resume(self, size: int) -> None:
        """Take the edge from the folder as far as it lies there, at most ``size`` leaves."""
        self._forget()
        if self._folder is None:
            return
        full = self._folder.count_full(size >> HEIGHT)
        room = min(WIDTH - 1, size - full * WIDTH)
        last = b""
        for width in self._folder.widths(0, full):
            found = self._folder.read(TileAt(0, full, width)) if width <= room else None
            if found is not None:
                last = found
                break
        leaves = full * WIDTH + len(last) // HASH_BYTES
        levels = [last]
        while nodes := leaves >> (HEIGHT * len(levels)):
            level, index = len(levels), nodes >> HEIGHT
            levels.append(self._lay(TileAt(level, index, nodes - index * WIDTH)))
        self._growth = Growth(leaves, levels)

    def _grow(self, size: int, leaves: Iterable[bytes]) -> None:
        growth = self._growth
        try:
            for at, data in growth.extend(leaves):
                self._write(at, data)
                if at.level:
                    self._remember(at, data)
        except BaseException:
            self._forget()  # leaves were taken of which tiles may be missing
            raise
        if growth.size != size:
            self._forget()
            raise DamagedError(growth.size, f"expected {size} records, found the log's end")
        self._write_partials()

    def _rebuild(self, size: int, root: bytes) -> None:
        """Make every tile again from the log; what was there is replaced, never deleted first.

        Leaves that the log has no more come from the tiles that hold them.
        """
        self._forget()
        base = min(-(-self._first() // WIDTH) * WIDTH, size - size % WIDTH)
        self._grow(size, chain(self.kept_leaves(0, base), self._leaves(base, size)))
        if self._growth.root() != root:
            found = self._growth.root()
            self._forget()
            raise DamagedError(
                max(size - 1, 0),
                f"expected root {root.hex()} over {size} records, found {found.hex()}; the log "
                "was altered, or this is the head of another",
            )
        self._known = (size, root)

    def _forget(self) -> None:
        self._growth = Growth()
        self._known = (-1, b"")
        self._cache.clear()

    def _rows(self, level: int, index: int) -> tuple[bytes, ...]:
        width = width_of(self.size, level, index)
        at = TileAt(level, index, width)
        found = self._cache.pop(at, None)
        if found is None:
            if not width:
                raise ProofError(f"expected a tile of {self.size} leaves, found {at.path}")
            data = self._growth.partial(level) if width < WIDTH else self._full(at)
            return self._remember(at, data)
        self._cache[at] = found
        return found

    def _remember(self, at: TileAt, data: bytes) -> tuple[bytes, ...]:
        found = rows(data)
        while len(self._cache) >= self._keep:
            del self._cache[next(iter(self._cache))]
        self._cache[at] = found
        return found

    def _full(self, at: TileAt) -> bytes:
        """A full tile from the folder, else made again and put back."""
        data = self._folder.read(at) if self._folder is not None else None
        if data is None:
            data = self._make(at)
            self._write(at, data)
        return data

    def _lay(self, at: TileAt) -> bytes:
        """A tile of an upper level while the edge is not known yet: read, or made from below."""
        if not at.width:
            return b""
        assert self._folder is not None
        found = self._folder.read(at)
        return found if found is not None else self._make(at)

    def _make(self, at: TileAt) -> bytes:
        start = at.number * WIDTH
        if at.level == 0:
            data = b"".join(self._leaves(start, start + at.width))
        else:
            below = (TileAt(at.level - 1, index) for index in range(start, start + at.width))
            data = b"".join(tile_root(self._full(each)) for each in below)
        if len(data) != at.width * HASH_BYTES:
            raise DamagedError(start, f"expected {at.width} records from here, found fewer")
        return data

    def _every_leaf(self, size: int) -> Iterator[bytes]:
        for index in range(-(-size // WIDTH)):
            yield from _hashes(self._rows(0, index)[0])

    def _write(self, at: TileAt, data: bytes) -> None:
        if not self._writable or self._folder is None:
            return
        try:
            self._folder.write(at, data)
            self.written += 1
        except DurabilityError:
            if self._strict:
                raise
            self._writable = False  # tiles are a cache: without room for it, proofs take longer

    def _write_partials(self) -> None:
        for at, data in self._growth.partials():
            if self._folder is not None and self._folder.read(at) != data:
                self._write(at, data)


def _hashes(data: bytes) -> Iterator[bytes]:
    return (data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES))
