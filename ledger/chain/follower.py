"""The rules of a log, as one pure state that follows frames in order.

Opening, catching up with other processes, recovery and verification all run through here.

State: ``size``, ``chain``, ``hlc`` and ``frontier`` move with every record; ``mark`` remembers
them at the last checkpoint that held. Records beyond the mark are nobody's promise yet:
``rewind`` drops them. Every violation raises ``DamagedError`` with the seq it concerns, and
leaves the state at the mark or between; the owner must not go on. Not here: reading files,
deciding what a torn end means.
"""

from typing import NamedTuple

from ledger.errors import CanonicalError, DamagedError, KeyProblem, NoteError
from ledger.form import canonical
from ledger.form.canonical import Digest
from ledger.form.record import CREATED, Head, fields, genesis, link
from ledger.storage.segment import Frame
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


class Follower:
    """Follows one log from its beginning, or from a mark."""

    def __init__(self, key: PublicKey | None, *, signed: bool = True, origin: str = "") -> None:
        """Expect signatures by ``key``; without one, by the key that record 0 names."""
        self.key = key
        self.origin = origin if key is None else key.name
        self._signed = signed
        self._packer = canonical.packer()
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

    def follow(self, frame: Frame, segment: int) -> None:
        """Take the next frame of ``segment``."""
        if frame.is_checkpoint:
            self._take_checkpoint(frame, segment)
        else:
            self.take_record(frame.content, frame.tail)

    def advance(self, body: bytes, chain: Digest, hlc: int) -> None:
        """Take a record that this very process has just sealed after this state."""
        self.frontier.append(leaf_hash(body))
        self.chain, self.hlc = chain, hlc
        self.size += 1

    def take_verbatim(self, body: bytes) -> Digest:
        """Take a recorded body; returns the chain digest after it, computed here."""
        if self.size == 0:
            try:
                self._take_identity(fields(self._packer, body))
            except CanonicalError as problem:
                raise DamagedError(0, str(problem)) from problem
        chain = link(self.chain, body)
        self.take_record(body, chain)
        return chain

    def take_record(self, body: bytes, digest: bytes) -> list[object]:
        """Take the next record; returns its fields."""
        try:
            if self.size == 0:
                values = fields(self._packer, body)
                self._take_identity(values)
                self._require_link(body, digest)
            else:
                self._require_link(body, digest)
                values = fields(self._packer, body)
        except CanonicalError as problem:
            raise DamagedError(self.size, str(problem)) from problem
        seq, hlc = values[1], values[2]
        if seq != self.size:
            raise DamagedError(self.size, f"expected seq {self.size} in the body, found {seq}")
        assert isinstance(hlc, int)
        if hlc <= self.hlc:
            raise DamagedError(self.size, f"expected time after {self.hlc}, found {hlc}")
        self.advance(body, Digest(digest), hlc)
        return values

    def _require_link(self, body: bytes, digest: bytes) -> None:
        expected = link(self.chain, body)
        if expected != digest:
            raise DamagedError(
                self.size,
                f"expected chain digest {expected.hex()}, found {digest.hex()}: the body, this "
                "digest or the one before was altered",
            )

    def _take_identity(self, values: list[object]) -> None:
        """Record 0 says whose log this is; a key given from outside must agree."""
        if values[7] != CREATED:
            if self._signed:
                raise DamagedError(0, f"expected kind {CREATED}, found {values[7]!r}")
            return
        attributes = values[8]
        assert isinstance(attributes, dict)
        origin, claimed = attributes.get("origin"), attributes.get("public_key")
        if not isinstance(origin, str) or not isinstance(claimed, str):
            raise DamagedError(0, "expected origin and public_key as text, found something else")
        if self._signed:
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


def _shown(value: int | bytes) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
