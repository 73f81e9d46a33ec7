"""What Python asks the compiled inner loop (``loop.c``), and the trial that it must pass first.

SHA-256 is not our own: the loop is given the functions of the library that Python itself hashes
with. BLAKE3 is (``keyed.c``), since no library that is installed with Python has it for C.
"""

import _hashlib
import ctypes
import hashlib
from array import array
from collections.abc import Sequence
from typing import Final

import ormsgpack
from blake3 import blake3

from ledger.native import State
from ledger.native.compiling import HERE, LIBRARY, fingerprint

_DIGEST: Final = 32
_LEVELS: Final = 64
_AROUND: Final = 4 + _DIGEST
_HASHING: Final = ("SHA256_Init", "SHA256_Update", "SHA256_Final")
_TRIED: Final = (1, 63, 64, 65, 200, 1023, 1024, 1025, 5000, 64 * 1024 - 1)
"""Lengths of texts at which something begins: a block, a chunk, a tree, the longest body."""


class _Sha256(ctypes.Structure):
    _fields_ = (("init", ctypes.c_void_p), ("update", ctypes.c_void_p), ("final", ctypes.c_void_p))


class _Edge(ctypes.Structure):
    _fields_ = (("size", ctypes.c_uint64), ("nodes", ctypes.c_uint8 * (_LEVELS * _DIGEST)))


class _State(ctypes.Structure):
    _fields_ = (("hlc", ctypes.c_uint64), ("chain", ctypes.c_uint8 * _DIGEST), ("edge", _Edge))


class InnerLoop:
    """The compiled functions; each lets other threads run meanwhile."""

    def __init__(self, library: ctypes.CDLL, hashing: ctypes.CDLL) -> None:
        """Take both libraries; ``AttributeError`` when one of them lacks a function."""
        size, pointer = ctypes.c_size_t, ctypes.c_void_p
        address = (ctypes.cast(getattr(hashing, name), pointer).value for name in _HASHING)
        self._sha256 = _Sha256(*address)
        self._span, self._seal = library.ledger_span, library.ledger_seal
        self._grow, self._follow = library.ledger_grow, library.ledger_follow
        self._span.restype = self._follow.restype = size
        self._seal.restype = None
        self._span.argtypes = (ctypes.c_char_p, size, size, pointer)
        self._seal.argtypes = (ctypes.c_char_p, ctypes.c_char_p, pointer, size, pointer)
        self._grow.argtypes = (pointer, pointer, ctypes.c_char_p, size)
        self._follow.argtypes = (pointer, pointer, ctypes.c_char_p, size, size)

    def span(self, data: bytes, at: int) -> tuple[int, int]:
        """Where the complete frames of records end that begin at ``at``, and how many they are."""
        count = ctypes.c_size_t()
        return self._span(data, at, len(data), ctypes.byref(count)), count.value

    def seal(self, chain: bytes, bodies: Sequence[bytes]) -> bytes:
        """The frames of records with these bodies, linked from ``chain`` on."""
        joined, lengths = b"".join(bodies), array("I", map(len, bodies))
        link = ctypes.create_string_buffer(chain, _DIGEST)
        frames = bytearray(len(joined) + _AROUND * len(bodies))
        place = (ctypes.c_char * len(frames)).from_buffer(frames)
        self._seal(link, joined, lengths.buffer_info()[0], len(bodies), place)
        return bytes(frames)

    def grow(self, size: int, edge: Sequence[bytes], frames: bytes) -> list[bytes] | None:
        """The edge of the tree after ``frames``; None when it cannot tell."""
        tree = _Edge(size)
        _fill(tree, edge)
        good = self._grow(ctypes.byref(tree), ctypes.byref(self._sha256), frames, len(frames))
        return _nodes(tree) if good else None

    def follow(self, state: State, data: bytes, at: int, end: int) -> tuple[State, int]:
        """The state after those frames from ``at`` that hold, and where they end."""
        found = _State(state.hlc, (ctypes.c_uint8 * _DIGEST).from_buffer_copy(state.chain))
        found.edge.size = state.size
        _fill(found.edge, state.edge)
        stop = self._follow(ctypes.byref(found), ctypes.byref(self._sha256), data, at, end)
        after = State(found.edge.size, bytes(found.chain), found.hlc, _nodes(found.edge))
        return after, stop


def _fill(tree: _Edge, edge: Sequence[bytes]) -> None:
    nodes = b"".join(edge)
    ctypes.memmove(tree.nodes, nodes, len(nodes))


def _nodes(tree: _Edge) -> list[bytes]:
    count = tree.size.bit_count() * _DIGEST
    nodes = ctypes.string_at(tree.nodes, count)
    return [nodes[at : at + _DIGEST] for at in range(0, count, _DIGEST)]


def load() -> InnerLoop | None:
    """The loop, when it was compiled from these sources and does what Python does."""
    try:
        library = ctypes.CDLL(str(HERE / LIBRARY))
        library.ledger_fingerprint.restype = ctypes.c_char_p
        if library.ledger_fingerprint() != fingerprint().encode():
            return None
        found = InnerLoop(library, ctypes.CDLL(getattr(_hashlib, "__file__", None)))
    except (OSError, AttributeError):
        return None
    return found if _agrees(found) else None


def _agrees(loop: InnerLoop) -> bool:
    """Whether the loop does on a small log what Python does."""
    bodies = [_body(seq, length) for seq, length in enumerate(_TRIED)]
    chain, frames = bytes(_DIGEST), b""
    level = [hashlib.sha256(b"\0" + body).digest() for body in bodies]
    for body in bodies:
        chain = blake3(body, key=chain).digest()
        frames += len(body).to_bytes(4, "big") + body + chain
    edge: list[bytes] = []
    while level:  # what has no neighbour stays at the edge
        edge = [level.pop(), *edge] if len(level) % 2 else edge
        pairs = zip(level[::2], level[1::2], strict=True)
        level = [hashlib.sha256(b"\1" + left + right).digest() for left, right in pairs]
    end = State(len(bodies), chain, len(bodies), edge)
    begin = State(0, bytes(_DIGEST), 0, [])
    return (
        loop.seal(begin.chain, bodies) == frames
        and loop.span(frames, 0) == (len(frames), len(bodies))
        and loop.grow(0, [], frames) == edge
        and loop.follow(begin, frames, 0, len(frames)) == (end, len(frames))
    )


def _body(seq: int, length: int) -> bytes:
    """A body of about that length, and at most of the greatest there may be."""
    text = "x" * (length - 40) if length > 60_000 else "x" * length  # noqa: PLR2004 - room for the rest
    made: bytes = ormsgpack.packb([1, seq, seq + 1, "n", "", "", "", "k", {"t": text}, None, None])
    return made
