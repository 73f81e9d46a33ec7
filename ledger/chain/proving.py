"""Proofs of a log: its leaves for the tiles, and what the tiles answer about it.

Leaf hashes are taken from the stored bodies as they lie there, without following the chain: the
tiles made from them are held against the signed root, which no altered body can reach.

An unsigned log lives in memory, grows by replay, and has no root that anybody vouches for: its
proofs come from one pass over its records.
"""

from collections.abc import Callable, Iterable, Iterator

from ledger.chain.follower import Follower
from ledger.chain.places import Places
from ledger.errors import ProofError, PrunedError
from ledger.form.record import Head
from ledger.storage import segment
from ledger.storage.run import Run
from ledger.storage.store import Position, Store
from ledger.tiles.folder import TileFolder
from ledger.tiles.form import WIDTH
from ledger.tiles.tree import TiledTree
from ledger.trust.merkle import (
    InclusionProof,
    collect,
    consistency_proof,
    inclusion_proofs,
    leaf_hash,
    root,
)


class Proving:
    """Answers proofs about one log, up to a head that the caller names."""

    def __init__(self, store: Store, follower: Follower, places: Places) -> None:
        """Keep the tiles beside the log, where it lies in a folder and may be written."""
        self._store = store
        self._follower = follower
        self._places = places
        folder = TileFolder(store.folder) if store.folder is not None else None
        self._tree = TiledTree(
            folder, self._stored_leaves, writable=store.writable, first=lambda: places.least
        )

    def inclusions(self, seqs: Iterable[int], head: Head) -> dict[int, InclusionProof]:
        """Proofs that the records ``seqs`` lie under ``head``."""
        if self._follower.signed:
            return self._tree.inclusions(seqs, head.size, head.root)
        return inclusion_proofs(seqs, head.size, self._stored_leaves(0, head.size))

    def consistency(self, old: int, new: int, head: Head) -> tuple[bytes, ...]:
        """The proof that the first ``old`` records are the first of the first ``new``."""
        if self._follower.signed:
            return self._tree.consistency(old, new, head.size, head.root)
        if new > head.size:
            raise ProofError(f"expected a size of at most {head.size}, found {new}")
        wanted: set[tuple[int, int]] = set()
        consistency_proof(old, new, _noting(wanted))
        found = collect(self._stored_leaves(0, new), wanted)
        return consistency_proof(old, new, lambda *at: found[at])

    def root_at(self, size: int, head: Head) -> bytes:
        """The root that the first ``size`` records have."""
        if self._follower.signed:
            return self._tree.root_at(size, head.size, head.root)
        if not 0 <= size <= head.size:
            raise ProofError(f"expected a size of at most {head.size}, found {size}")
        return root(self._stored_leaves(0, size))

    def leaf(self, seq: int, head: Head) -> bytes:
        """The leaf hash of record ``seq``, proven; also where its body was pruned."""
        return self._tree.leaf(seq, head.size, head.root)

    def leaves(self, first: int, last: int, head: Head) -> Iterator[bytes]:
        """The leaf hashes of a range, not verified: fewer where the log ends.

        Those of pruned records come from the tiles, as far as ``head``.
        """
        between, least = first, self._places.least
        if first < least:
            between = min(-(-least // WIDTH) * WIDTH, last, head.size)
            self._tree.catch_up(head.size, head.root)
        yield from self._tree.kept_leaves(first, between)
        yield from self._stored_leaves(between, last)

    def _stored_leaves(self, first: int, last: int) -> Iterator[bytes]:
        return map(leaf_hash, self.bodies(first, last))

    def bodies(self, first: int, last: int) -> Iterator[bytes]:
        """The stored bodies of a range, as they lie there, not verified."""
        if first >= last:
            return
        if first < self._places.least:
            raise PrunedError(
                f"expected tiles for record {first}, found them missing, and the records before "
                f"{self._places.least} pruned, so that they cannot be made again; restore the "
                "folder tile from a copy, and publish without entries"
            )
        found = self._places.before(first)
        seq, at = found if found is not None else (0, Position(0, segment.HEADER.size))
        for run in self._runs(at):
            stop = seq + run.count
            if stop > first:
                yield from run.bodies[max(first - seq, 0) : last - seq]
            seq = stop
            if seq >= last:
                return

    def _runs(self, at: Position) -> Iterator[Run]:
        end = self._follower.mark.stop
        while at < end:
            stop = end.offset if at.segment == end.segment else self._store.length(at.segment)
            for piece in segment.runs(self._store, at, stop):
                if isinstance(piece, Run):
                    yield piece
            at = Position(at.segment + 1, segment.HEADER.size)


def _noting(wanted: set[tuple[int, int]]) -> Callable[[int, int], bytes]:
    """A function that answers nodes, and only notes which were asked for."""

    def note(level: int, index: int) -> bytes:
        wanted.add((level, index))
        return bytes(32)

    return note
