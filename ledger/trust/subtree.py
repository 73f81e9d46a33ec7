"""Proofs about aligned ranges of a tree (draft-ietf-plants-merkle-tree-certs, section 4).

A range ``[start, stop)`` of leaves is a *subtree* when ``start`` is a multiple of the smallest
power of two that is not below its length: it then has a root of its own that proofs can lead from
and to. Every prefix of a tree is one. Empty ranges are none: they would prove nothing. Pure.
"""

from ledger.errors import ProofError
from ledger.trust.merkle import HASH_BYTES, InclusionProof, Node, node_hash, verify_inclusion


def is_subtree(start: int, stop: int) -> bool:
    """Whether ``[start, stop)`` has a root of its own."""
    return 0 <= start < stop and start % (1 << (stop - start - 1).bit_length()) == 0


def verify_subtree_inclusion(
    index: int, start: int, stop: int, leaf: bytes, root: bytes, proof: tuple[bytes, ...]
) -> None:
    """Refuse unless ``proof`` leads from leaf ``index`` to the root of ``[start, stop)``."""
    _require_subtree(start, stop, stop)
    verify_inclusion(InclusionProof(index - start, stop - start, proof), leaf, root)


def subtree_consistency_proof(start: int, stop: int, size: int, node: Node) -> tuple[bytes, ...]:
    """Prove that ``[start, stop)`` is a part of the tree of ``size`` leaves."""
    _require_subtree(start, stop, size)
    hashes: list[bytes] = []
    low, high = 0, size
    whole = True  # whether the range is still known to the verifier as one root
    while (start, stop) != (low, high):
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        if stop <= middle:
            hashes.append(_range_root(middle, high, node))
            high = middle
        else:
            hashes.append(_range_root(low, middle, node))
            if start < middle:
                start, whole = middle, False
            low = middle
    if not whole:
        hashes.append(_range_root(low, high, node))
    return tuple(reversed(hashes))


def verify_subtree_consistency(
    start: int, stop: int, size: int, part: bytes, root: bytes, proof: tuple[bytes, ...]
) -> None:
    """Refuse unless ``proof`` shows ``part``, the root of ``[start, stop)``, within ``root``."""
    _require_subtree(start, stop, size)
    _require_lengths((part, root, *proof))
    first, last, end = start, stop - 1, size - 1
    while first != last and (last == end or last & 1):
        first, last, end = first >> 1, last >> 1, end >> 1
    hashes = list(proof) if first != last else [part, *proof]
    if not hashes:
        raise ProofError("expected a proof, found no hashes")
    inner = outer = hashes[0]
    for sibling in hashes[1:]:
        if end == 0:
            raise ProofError(f"expected fewer hashes in the proof, found {len(proof)}")
        if last & 1 or last == end:
            if first < last:
                inner = node_hash(sibling, inner)
            outer = node_hash(sibling, outer)
            while not last & 1:
                first, last, end = first >> 1, last >> 1, end >> 1
        else:
            outer = node_hash(outer, sibling)
        first, last, end = first >> 1, last >> 1, end >> 1
    if end:
        raise ProofError(f"expected more hashes in the proof, found {len(proof)}")
    if inner != part or outer != root:
        raise ProofError(f"expected a proof from {part.hex()} to {root.hex()}, found another")


def _require_subtree(start: int, stop: int, size: int) -> None:
    if not is_subtree(start, stop) or stop > size:
        raise ProofError(f"expected an aligned range within {size} leaves, found {start} to {stop}")


def _require_lengths(hashes: tuple[bytes, ...]) -> None:
    for value in hashes:
        if len(value) != HASH_BYTES:
            raise ProofError(f"expected hashes of {HASH_BYTES} bytes, found one of {len(value)}")


def _range_root(start: int, stop: int, node: Node) -> bytes:
    """The root over a range as proofs use them: aligned at its start to its own size."""
    level = (stop - start).bit_length() - 1
    middle = start + (1 << level)
    left = node(level, start >> level)
    return left if middle == stop else node_hash(left, _range_root(middle, stop, node))
