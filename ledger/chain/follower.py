"""The rules of a log, as one pure state that follows frames in order.

Opening, catching up with other processes, recovery and verification all run through here.

State: ``size``, ``chain``, ``hlc`` and ``frontier`` move with the records; ``mark`` remembers
them at the last checkpoint that held. Records beyond the mark are nobody's promise yet:
``rewind`` drops them. Every violation raises ``DamagedError`` with the seq it concerns, and
leaves the state at the mark or between; the owner must not go on. Not here: reading files,
deciding what a torn end means.
"""

from collections.abc import Callable
from hashlib import sha256
from operator import lt
from typing import NamedTuple, cast

from blake3 import blake3

from ledger.errors import CanonicalError, DamagedError, KeyProblem, NoteError
from ledger.form import batch, canonical
from ledger.form.canonical import Digest
from ledger.form.record import CREATED, Head, fields, genesis, link
from ledger.storage.segment import Frame, Run
from ledger.storage.store import Position
from ledger.trust import checkpoint
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import Frontier, leaf_hash


class Mark(NamedTuple):
    """A state that a checkpoint vouches for, and where that checkpoint's frame lies and ends."""

    size: int
    chain: Digest
    hlc: int
    edge: tuple[bytes, ...]
    checkpoint: Checkpoint | None
    start: Position
    stop: Position

    @property
    def head(self) -> Head:
        """Size, chain digest and root."""
        return Head(self.size, self.chain, Frontier(self.size, self.edge).root())


class Follower:
    """Follows one log from its beginning, or from a mark."""

    def __init__(self, key: PublicKey | None, *, signed: bool = True, origin: str = "") -> None:
        """Expect signatures by ``key``; without one, by the key that record 0 names."""
        self.key = key
        self.origin = origin if key is None else key.name
        self.signed = signed
        self.size = 0
        self.chain = genesis(self.origin)
        self.hlc = 0
        self.frontier = Frontier()
        self.mark = Mark(0, self.chain, 0, (), None, Position(-1, 0), Position(-1, 0))

    @property
    def head(self) -> Head:
        """Where the followed log stands."""
        return Head(self.size, self.chain, self.frontier.root())

    def begin(self, mark: Mark) -> None:
        """Start from ``mark``, which the caller has checked."""
        self.mark = mark
        self.rewind()

    def rewind(self) -> None:
        """Forget the records after the mark."""
        mark = self.mark
        self.size, self.chain, self.hlc = mark.size, mark.chain, mark.hlc
        self.frontier = Frontier(mark.size, mark.edge)

    def follow(self, piece: Run | Frame, segment: int) -> None:
        """Take the next piece of ``segment``."""
        if isinstance(piece, Run):
            self.take_records(piece.bodies, piece.digests)
        elif piece.is_checkpoint:
            self._take_checkpoint(piece, segment)
        else:
            self.take_records([piece.content], [piece.tail])

    def take_verbatim(self, body: bytes) -> Digest:
        """Take a recorded body; returns the chain digest after it, computed here."""
        if self.size == 0:
            self._begin(body)
        chain = link(self.chain, body)
        self.take_records([body], [chain])
        return chain

    def take_records(
        self,
        bodies: list[bytes],
        digests: list[bytes],
        see: Callable[[list[object]], None] | None = None,
    ) -> None:
        """Take the next records; ``see`` is shown the fields of each."""
        if self.size == 0 and bodies:
            self._begin(bodies[0])
        for start in range(0, len(bodies), batch.MOST):
            part = bodies[start : start + batch.MOST]
            ends = digests[start : start + batch.MOST]
            rows = self._take_together(part, ends)
            if rows is None:
                rows = self._take_each(part, ends)
            if see is not None:
                for values in rows:
                    see(values)

    def _take_together(
        self, bodies: list[bytes], digests: list[bytes]
    ) -> list[list[object]] | None:
        """Take records at once; None when they are too few, or any of them does not hold."""
        if len(bodies) < batch.LEAST:
            return None
        chain: bytes = self.chain
        for body, digest in zip(bodies, digests, strict=True):
            if blake3(body, key=chain).digest() != digest:  # link(), in place: the audit's speed
                return None
            chain = digest
        rows = batch.rows(bodies)
        if rows is None:
            return None
        size = self.size + len(bodies)
        times = [self.hlc, *(cast("int", row[2]) for row in rows)]
        in_place = [row[1] for row in rows] == list(range(self.size, size))
        if not in_place or not all(map(lt, times, times[1:])):
            return None
        self.frontier.extend([sha256(b"\x00" + body).digest() for body in bodies])
        self.size, self.chain, self.hlc = size, Digest(chain), times[-1]
        return rows

    def _take_each(self, bodies: list[bytes], digests: list[bytes]) -> list[list[object]]:
        """Take records one after another; the first that does not hold is named."""
        rows: list[list[object]] = []
        for body, digest in zip(bodies, digests, strict=True):
            expected = link(self.chain, body)
            if expected != digest:
                raise _unlinked(self.size, expected, digest)
            try:
                values = fields(body)
            except CanonicalError as problem:
                raise DamagedError(self.size, str(problem)) from problem
            if values[1] != self.size or cast("int", values[2]) <= self.hlc:
                raise _misplaced(self.size, self.hlc, values)
            self.frontier.append(leaf_hash(body))
            self.size, self.chain, self.hlc = self.size + 1, expected, cast("int", values[2])
            rows.append(values)
        return rows

    def _begin(self, body: bytes) -> None:
        try:
            self._take_identity(fields(body))
        except CanonicalError as problem:
            raise DamagedError(0, str(problem)) from problem

    def _take_identity(self, values: list[object]) -> None:
        """Record 0 says whose log this is; a key given from outside must agree."""
        if values[7] != CREATED:
            if self.signed:
                raise DamagedError(0, f"expected kind {CREATED}, found {values[7]!r}")
            return
        attributes = values[8]
        assert isinstance(attributes, dict)
        origin, claimed = attributes.get("origin"), attributes.get("public_key")
        if not isinstance(origin, str) or not isinstance(claimed, str):
            raise DamagedError(0, "expected origin and public_key as text, found something else")
        if self.signed:
            self._take_key(origin, claimed)
        self.origin = origin
        self.chain = genesis(origin)

    def _take_key(self, origin: str, claimed: str) -> None:
        try:
            key = PublicKey.parse(claimed)
        except (KeyProblem, NoteError) as problem:
            raise DamagedError(0, f"expected a public key: {problem}") from problem
        if key.name != origin:
            raise DamagedError(0, f"expected a key named {origin!r}, found {key.name!r}")
        if self.key is not None and key != self.key:
            raise DamagedError(0, f"expected a ledger of key {self.key}, found one of key {key}")
        self.key = key

    def _take_checkpoint(self, frame: Frame, segment: int) -> None:
        seq = max(self.size - 1, 0)
        if canonical.digest(frame.content) != frame.tail:
            raise DamagedError(seq, "checkpoint after it: the frame does not have its digest")
        if segment > 0 and self.mark.start.segment < segment:
            self._take_opening(frame, segment)
            return
        if self.key is None:
            raise DamagedError(seq, "checkpoint before any record that names the key")
        if self.size <= self.mark.size:
            raise DamagedError(seq, "checkpoint after it: expected records before a checkpoint")
        found = self.judge(frame.content)
        at = Position(segment, frame.start)
        self.commit(found, at, Position(segment, frame.stop))

    def _take_opening(self, frame: Frame, segment: int) -> None:
        """A later segment opens with the checkpoint that closed the one before."""
        last = self.mark.checkpoint
        seq = max(self.size - 1, 0)
        if last is None or self.size != self.mark.size or frame.content != last.note:
            raise DamagedError(
                seq,
                f"expected segment {segment} to open with the checkpoint that closed the segment "
                "before, found another; a segment is missing or was exchanged",
            )
        self.commit(last, Position(segment, frame.start), Position(segment, frame.stop))

    def judge(self, note: bytes) -> Checkpoint:
        """The checkpoint in ``note``, refused unless it is a signed statement of this state."""
        seq = max(self.size - 1, 0)
        assert self.key is not None
        try:
            found = checkpoint.verified(note, self.key)
            claims: tuple[int | bytes, ...] = (found.size, found.root, found.chain, found.hlc)
        except NoteError as problem:
            raise DamagedError(seq, f"checkpoint after it: {problem}") from problem
        facts: tuple[int | bytes, ...] = (self.size, self.frontier.root(), self.chain, self.hlc)
        for name, claim, fact in zip(("size", "root", "chain", "hlc"), claims, facts, strict=True):
            if claim != fact:
                raise DamagedError(
                    seq,
                    f"checkpoint after it: expected {name} {_shown(fact)}, found {_shown(claim)}",
                )
        return found

    def commit(self, found: Checkpoint | None, start: Position, stop: Position) -> None:
        """Vouch for the present state."""
        edge = tuple(self.frontier.hashes)
        self.mark = Mark(self.size, self.chain, self.hlc, edge, found, start, stop)


def _unlinked(seq: int, expected: bytes, found: bytes) -> DamagedError:
    return DamagedError(
        seq,
        f"expected chain digest {expected.hex()}, found {found.hex()}: the body, this "
        "digest or the one before was altered",
    )


def _misplaced(seq: int, hlc: int, values: list[object]) -> DamagedError:
    if values[1] != seq:
        return DamagedError(seq, f"expected seq {seq} in the body, found {values[1]}")
    return DamagedError(seq, f"expected time after {hlc}, found {values[2]}")


def _shown(value: int | bytes) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
