"""The Merkle tree of RFC 6962 over SHA-256: roots, proofs, and their verification.

Everything here is pure. A tree is known by its *perfect nodes*: node ``(level, index)`` covers the
leaves ``[index << level, (index + 1) << level)``. Proofs are built from a function that answers
such nodes, whoever stores them: a scan today, tiles tomorrow. ``Frontier`` holds the perfect nodes
of the right edge only, so a log can grow in logarithmic memory.

Verification takes nothing on trust: hashes of another length than 32 bytes are refused, and so is
a consistency proof from size 0, which would prove nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from operator import add
from typing import Final, TypeAlias

from ledger.errors import ProofError

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
Node: TypeAlias = Callable[[int, int], bytes]
# Many hashes in a row begin from a copy of these: that is faster than beginning anew, which looks
# the algorithm up each time, and spares joining the prefix to the content.
_LEAF: Final = sha256(b"\x00")
_INNER: Final = sha256(b"\x01")


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """The hashes that lead from leaf ``index`` to the root of the tree of ``size`` leaves."""

    index: int
    size: int
    hashes: tuple[bytes, ...]


class Frontier:
    """The right edge of a growing tree."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """Resume at ``size`` with the perfect nodes of the right edge, largest first."""
        self.size = size
        self.hashes = list(hashes)
        if len(self.hashes) != size.bit_count() or any(len(h) != HASH_BYTES for h in self.hashes):
            raise ProofError(
                f"expected {size.bit_count()} hashes of 32 bytes at the edge of a tree of {size} "
                f"leaves, found {len(self.hashes)}"
            )

    @classmethod
    def resumed(cls, size: int, hashes: Iterable[bytes]) -> "Frontier":
        """The same for an edge that a frontier gave; it is not judged again."""
        edge = cls.__new__(cls)
        edge.size, edge.hashes = size, list(hashes)
        return edge

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        edge, rest = self.hashes, self.size
        while rest & 1:
            leaf = sha256(b"\x01" + edge.pop() + leaf).digest()
            rest >>= 1
        edge.append(leaf)
        self.size += 1

    def extend(self, leaves: list[bytes]) -> None:
        """Add the hashes of the next leaves: level by level, which is faster than one by one."""
        if len(leaves) == 1:
            self.append(leaves[0])
            return
        edge, size = self.hashes, self.size
        self.size += len(leaves)
        level, nodes = 0, leaves
        left: list[bytes] = []  # what stays of each level, lowest first
        while nodes:
            if size >> level & 1:
                nodes = [edge.pop(), *nodes]
            if len(nodes) & 1:
                left.append(nodes[-1])
            each, copy = iter(nodes), _INNER.copy
            nodes = []
            for both in map(add, each, each):  # neighbours; an odd one out was kept above
                node = copy()
                node.update(both)
                nodes.append(node.digest())
            level += 1
        edge.extend(reversed(left))

    def copy(self) -> "Frontier":
        """An independent edge at the same size."""
        return Frontier.resumed(self.size, self.hashes)

    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self.hashes:
            return EMPTY_ROOT
        return _fold(self.hashes)


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf with this content."""
    return sha256(b"\x00" + data).digest()


def leaf_hashes(contents: Iterable[bytes]) -> list[bytes]:
    """The hashes of leaves with these contents."""
    copy = _LEAF.copy
    hashes: list[bytes] = []
    for data in contents:
        leaf = copy()
        leaf.update(data)
        hashes.append(leaf.digest())
    return hashes


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """The root over these leaf hashes."""
    edge = Frontier()
    for leaf in leaves:
        edge.append(leaf)
    return edge.root()


def inclusion_proof(index: int, size: int, node: Node) -> InclusionProof:
    """Prove that leaf ``index`` is in the tree of ``size`` leaves."""
    if not 0 <= index < size:
        raise ProofError(f"expected a leaf below {size}, found {index}")
    hashes: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            hashes.append(_range_root(middle, stop, node))
            stop = middle
        else:
            hashes.append(_range_root(start, middle, node))
            start = middle
    return InclusionProof(index, size, tuple(reversed(hashes)))


def consistency_proof(size1: int, size2: int, node: Node) -> tuple[bytes, ...]:
    """Prove that the tree of ``size1`` leaves is a prefix of the tree of ``size2``."""
    if not 0 < size1 <= size2:
        raise ProofError(f"expected 0 < size1 <= size2, found {size1} and {size2}")
    hashes: list[bytes] = []
    start, stop = 0, size2
    while stop > size1:
        middle = start + _split(stop - start)
        if size1 <= middle:
            hashes.append(_range_root(middle, stop, node))
            stop = middle
        else:
            hashes.append(_range_root(start, middle, node))
            start = middle
    if start:
        hashes.append(_range_root(start, stop, node))
    return tuple(reversed(hashes))


def collect(leaves: Iterable[bytes], wanted: set[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
    """The wanted perfect nodes, found in one pass over all leaf hashes."""
    found: dict[tuple[int, int], bytes] = {}
    edge: list[bytes] = []
    for position, leaf in enumerate(leaves):
        level, index, value = 0, position, leaf
        if (0, index) in wanted:
            found[0, index] = value
        while index & 1:
            value = node_hash(edge.pop(), value)
            level, index = level + 1, index >> 1
            if (level, index) in wanted:
                found[level, index] = value
        edge.append(value)
    return found


def inclusion_proofs(
    indexes: Iterable[int], size: int, leaves: Iterable[bytes]
) -> dict[int, InclusionProof]:
    """Proofs for several leaves from one pass over the leaf hashes."""
    wanted: set[tuple[int, int]] = set()

    def note(level: int, index: int) -> bytes:
        wanted.add((level, index))
        return EMPTY_ROOT

    chosen = sorted(set(indexes))
    for index in chosen:
        inclusion_proof(index, size, note)
    found = collect(leaves, wanted)
    return {index: inclusion_proof(index, size, lambda *at: found[at]) for index in chosen}


def verify_inclusion(proof: InclusionProof, leaf: bytes, expected_root: bytes) -> None:
    """Refuse unless ``proof`` leads from ``leaf`` to ``expected_root``."""
    _check_lengths((leaf, expected_root, *proof.hashes))
    index, last = proof.index, proof.size - 1
    if not 0 <= index <= last:
        raise ProofError(f"expected a leaf below {proof.size}, found {index}")
    value = leaf
    for sibling in proof.hashes:
        if last == 0:
            raise ProofError(f"expected fewer hashes in the proof, found {len(proof.hashes)}")
        if index & 1 or index == last:
            value = node_hash(sibling, value)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        index, last = index >> 1, last >> 1
    if last:
        raise ProofError(f"expected more hashes in the proof, found {len(proof.hashes)}")
    _check_root(value, expected_root)


def verify_consistency(  # noqa: C901 - one walk up two trees; parts would share all state
    size1: int, size2: int, root1: bytes, root2: bytes, proof: tuple[bytes, ...]
) -> None:
    """Refuse unless ``proof`` shows the first tree as a prefix of the second."""
    if not 0 < size1 <= size2:
        raise ProofError(f"expected 0 < size1 <= size2, found {size1} and {size2}")
    if size1 == size2:
        if proof:
            raise ProofError(f"expected no hashes between equal sizes, found {len(proof)}")
        _check_root(root1, root2)
        return
    _check_lengths((root1, root2, *proof))
    hashes = list(proof)
    if size1 & (size1 - 1) == 0:
        hashes.insert(0, root1)
    if not hashes:
        raise ProofError("expected a proof, found no hashes")
    index, last = size1 - 1, size2 - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise ProofError(f"expected fewer hashes in the proof, found {len(proof)}")
        if index & 1 or index == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        index, last = index >> 1, last >> 1
    if last:
        raise ProofError(f"expected more hashes in the proof, found {len(proof)}")
    _check_root(old, root1)
    _check_root(new, root2)


def _fold(parts: list[bytes]) -> bytes:
    value = parts[-1]
    for left in reversed(parts[:-1]):
        value = node_hash(left, value)
    return value


def _range_root(start: int, stop: int, node: Node) -> bytes:
    """The root over a range as proofs use them: aligned at its start to its own size."""
    parts: list[bytes] = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        parts.append(node(level, start >> level))
        start += 1 << level
    return _fold(parts)


def _split(count: int) -> int:
    """The largest power of two below ``count``."""
    return 1 << ((count - 1).bit_length() - 1)


def _check_lengths(hashes: tuple[bytes, ...]) -> None:
    for value in hashes:
        if len(value) != HASH_BYTES:
            raise ProofError(f"expected hashes of 32 bytes, found one of {len(value)}")


def _check_root(found: bytes, expected: bytes) -> None:
    if found != expected:
        raise ProofError(
            f"expected root {expected.hex()}, found a proof that leads to {found.hex()}"
        )
