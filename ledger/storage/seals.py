"""Seals: what a full segment holds, and where the log stood before and after it.

A seal is a signed note. Its text is the origin and then lines of a name and a value, always in the
same order, so that it has one spelling. It is a *claim*: it saves whoever opens or checks the log
from reading earlier segments, and is believed only as far as the signed checkpoint at the head
of the next segment confirms it. The second line keeps a seal from being taken for a checkpoint,
whose second line is a bare number.

Pure: bytes in, values out. Not here: when seals are written and what confirms them
(``chain.sealing``), the files (``file_store``).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Self

from blake3 import blake3

from ledger.errors import EpochError, NoteError, ProofError, SealError
from ledger.form.canonical import Digest
from ledger.trust.epochs import Epoch
from ledger.trust.merkle import HASH_BYTES, Frontier
from ledger.trust.note import MAX_NOTE_BYTES, decode64, encode64

Endorsed = tuple[int, bytes]
"""The seq of an endorsement, and the note that the root signed."""

_CHUNK: Final = 1024 * 1024
_MAX_DIGITS: Final = 20
_LEAST_LINES: Final = 8
_LEAST_STATE: Final = 2


@dataclass(frozen=True, slots=True)
class State:
    """Where a log stands after ``size`` records; ``edge`` is the Merkle tree's, largest first."""

    size: int
    chain: Digest
    hlc: int
    edge: tuple[bytes, ...]

    @property
    def root(self) -> bytes:
        """The Merkle root over all records so far."""
        return Frontier(self.size, self.edge).root()

    def line(self) -> str:
        """Time, chain digest and edge in one line; the size stands elsewhere."""
        return " ".join([str(self.hlc), encode64(self.chain), *map(encode64, self.edge)])

    @classmethod
    def parse(cls, size: int, text: str) -> Self:
        """Read what ``line`` wrote, refusing an edge that no tree of ``size`` leaves has."""
        hlc, *hashes = text.split(" ")
        if len(hashes) + 1 < _LEAST_STATE:
            raise SealError(f"expected a time and a chain digest, found {text[:80]!r}")
        try:
            chain, *edge = map(decode64, hashes)
            Frontier(size, edge)
        except (NoteError, ProofError) as problem:
            raise SealError(f"expected the edge of a tree of {size} leaves: {problem}") from problem
        if len(chain) != HASH_BYTES:
            raise SealError(f"expected a chain digest of 32 bytes, found {len(chain)}")
        return cls(size, Digest(chain), number(hlc, "hlc"), tuple(edge))


@dataclass(frozen=True, slots=True)
class Seal:
    """One full segment: its length and BLAKE3, the log's state before and after it."""

    origin: str
    segment: int
    bytes: int
    digest: Digest
    entry: State
    exit: State
    rotations: tuple[Epoch, ...] = ()
    endorsements: tuple[Endorsed, ...] = ()

    def text(self) -> str:
        """The text to be signed."""
        lines = [
            self.origin,
            f"segment {self.segment}",
            f"bytes {self.bytes}",
            f"blake3 {encode64(self.digest)}",
            f"first {self.entry.size}",
            f"count {self.exit.size - self.entry.size}",
            f"entry {self.entry.line()}",
            f"exit {self.exit.line()}",
            *(row.line() for row in self.rotations),
            *(f"endorsed {seq} {encode64(note)}" for seq, note in self.endorsements),
        ]
        return "\n".join(lines) + "\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``text``; refuses every other spelling."""
        origin, *lines = text.split("\n")[:-1] or [""]
        if len(lines) < _LEAST_LINES - 1:
            raise SealError(f"expected at least {_LEAST_LINES} lines, found {len(lines) + 1}")
        segment, length, digest, first, count, entry, leave, *rest = lines
        start = number(valued(first, "first"), "first")
        stop = start + number(valued(count, "count"), "count")
        try:
            name = Digest(decode64(valued(digest, "blake3")))
            rows = tuple(Epoch.parse(line) for line in rest if line.startswith("epoch "))
            notes = tuple(_endorsed(line) for line in rest[len(rows) :])
        except (EpochError, NoteError) as problem:
            raise SealError(f"expected a seal: {problem}") from problem
        seal = cls(
            origin,
            number(valued(segment, "segment"), "segment"),
            number(valued(length, "bytes"), "bytes"),
            name,
            State.parse(start, valued(entry, "entry")),
            State.parse(stop, valued(leave, "exit")),
            rows,
            notes,
        )
        if seal.text() != text or len(name) != HASH_BYTES:
            raise SealError("expected a seal as sealing spells it, found another spelling")
        return seal

    def fits(self) -> bool:
        """Whether its note stays below the limit of notes, with room for a signature."""
        return len(self.text().encode()) < MAX_NOTE_BYTES // 2


def digest_of(read: Callable[[int, int], bytes], length: int) -> Digest:
    """BLAKE3 of the first ``length`` bytes that ``read(offset, count)`` gives."""
    hasher, offset = blake3(), 0
    while offset < length:
        part = read(offset, min(_CHUNK, length - offset))
        if not part:
            raise SealError(f"expected a segment of {length} bytes, found its end at {offset}")
        hasher.update(part)
        offset += len(part)
    return Digest(hasher.digest())


def digest_of_all(seals: Iterable[Seal]) -> Digest:
    """One name for several segments in order: BLAKE3 over their lengths and digests."""
    hasher = blake3()
    for seal in seals:
        hasher.update(seal.bytes.to_bytes(8, "big") + seal.digest)
    return Digest(hasher.digest())


def _endorsed(line: str) -> Endorsed:
    seq, _, data = valued(line, "endorsed").partition(" ")
    return number(seq, "seq"), decode64(data)


def valued(line: str, name: str) -> str:
    """What follows ``name`` in ``line``."""
    found, space, value = line.partition(" ")
    if found != name or not space:
        raise SealError(f"expected a line '{name} …', found {line[:80]!r}")
    return value


def number(text: str, name: str) -> int:
    """A plain decimal, in its only spelling."""
    good = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    if not good or str(int(text)) != text:
        raise SealError(f"expected {name} as plain decimal, found {text[:40]!r}")
    return int(text)
