"""The rules of a log, as one pure state that follows frames in order.

Opening, catching up with other processes, recovery and verification all run through here.

State: ``size``, ``chain``, ``hlc`` and ``frontier`` move with the records; ``mark`` remembers
them at the last checkpoint that held. Records beyond the mark are nobody's promise yet:
``rewind`` drops them. ``keys`` is what the log said of its keys; it moves with the records too.
A rotation is the last record before a checkpoint, which the old key signs. Every violation
raises ``DamagedError`` with the seq it concerns, and leaves the state at the mark or between; the
owner must not go on. Not here: reading files, deciding what a torn end means.
"""

from collections.abc import Callable
from operator import itemgetter, lt
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from blake3 import blake3

from ledger.errors import (
    CanonicalError,
    DamagedError,
    EpochError,
    KeyProblem,
    LedgerError,
    NoteError,
)
from ledger.form import batch, canonical
from ledger.form.canonical import Digest
from ledger.form.record import CREATED, ENDORSED, ROTATED, Head, fields, genesis, link
from ledger.native import State, loop_for
from ledger.storage.run import AROUND, Run
from ledger.storage.segment import Frame
from ledger.storage.store import Position
from ledger.storage.waypoints import Waypoint
from ledger.trust import checkpoint
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.endorsement import KeyHistory, Pin, judge
from ledger.trust.epochs import Epochs
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import Frontier, leaf_hash, leaf_hashes

if TYPE_CHECKING:
    from ledger.native.library import InnerLoop

_OF_KEYS: Final = frozenset({ROTATED, ENDORSED})
_KIND: Final = itemgetter(7)


class Mark(NamedTuple):
    """A state that a checkpoint vouches for, and where that checkpoint's frame lies and ends."""

    size: int
    chain: Digest
    hlc: int
    edge: tuple[bytes, ...]
    checkpoint: Checkpoint | None
    start: Position
    stop: Position
    keys: KeyHistory | None

    @property
    def head(self) -> Head:
        """Size, chain digest and root."""
        return Head(self.size, self.chain, Frontier.resumed(self.size, self.edge).root())


class Follower:
    """Follows one log from its beginning, or from a mark."""

    def __init__(self, pin: Pin | None = None, *, signed: bool = True, origin: str = "") -> None:
        """Expect signatures by the keys that the log names; ``pin`` is what ``vouched`` asks."""
        self.pin = pin
        self.keys = _expected(pin)
        self.origin = origin if self.keys is None else self.keys.epochs.origin
        self.signed = signed
        self.size = 0
        self.chain = genesis(self.origin)
        self.hlc = 0
        self.frontier = Frontier()
        self.mark = Mark(0, self.chain, 0, (), None, Position(-1, 0), Position(-1, 0), self.keys)

    @property
    def head(self) -> Head:
        """Where the followed log stands."""
        return Head(self.size, self.chain, self.frontier.root())

    @property
    def key(self) -> PublicKey | None:
        """The key that must sign the next head; None before record 0 and where nobody signs."""
        return None if self.keys is None else self.keys.epochs.current.key

    def vouched(self) -> str | None:
        """By what the pin vouches for the log up to the mark; ``DamagedError`` if it does not."""
        keys = self.mark.keys
        if self.pin is None or keys is None:
            return None
        return judge(self.pin, keys, self.mark.size)

    def expect(self, keys: KeyHistory) -> None:
        """Take what record 0 says, before the log is followed."""
        self.begin(self.mark._replace(keys=keys))

    def begin(self, mark: Mark) -> None:
        """Start from ``mark``, which the caller has checked."""
        self.mark = mark
        if mark.keys is not None:
            self.origin = mark.keys.epochs.origin
        self.rewind()

    def rewind(self) -> None:
        """Forget the records after the mark."""
        mark = self.mark
        self.size, self.chain, self.hlc = mark.size, mark.chain, mark.hlc
        self.frontier = Frontier.resumed(mark.size, mark.edge)
        self.keys = mark.keys

    def follow(self, piece: Run | Frame, segment: int) -> None:
        """Take the next piece of ``segment``."""
        if isinstance(piece, Run):
            loop = loop_for(piece.end - piece.at)
            if loop is None:
                self.take_records(piece.bodies, piece.digests)
            else:
                self._take_run(piece, loop)
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
        self._require_unrotated()
        for start in range(0, len(bodies), batch.MOST):
            part = slice(start, start + batch.MOST)
            is_last = start + batch.MOST >= len(bodies)
            rows = self._take_some(bodies[part], digests[part], last=is_last)
            if see is not None:
                for values in rows:
                    see(values)
            del rows  # else the collector looks through these and the next ones, for nothing

    def _take_run(self, run: Run, loop: "InnerLoop") -> None:
        """Take the next records by the inner loop, and here what it leaves."""
        if self.size == 0:
            self._begin(run.bodies[0])
        self._require_unrotated()
        begin, stop, at = self.size, self.size + run.count, run.at
        while True:
            state = State(self.size, self.chain, self.hlc, self.frontier.hashes)
            state, at = loop.follow(state, run.data, at, run.end)
            self.frontier = Frontier.resumed(state.size, state.edge)
            self.size, self.chain, self.hlc = state.size, Digest(state.chain), state.hlc
            if self.size == stop:
                return
            part = slice(self.size - begin, self.size - begin + batch.MOST)
            bodies, digests = run.bodies[part], run.digests[part]
            self._take_some(bodies, digests, last=self.size + len(bodies) == stop)
            at += sum(map(len, bodies)) + AROUND * len(bodies)

    def _take_some(
        self, bodies: list[bytes], digests: list[bytes], *, last: bool
    ) -> list[list[object]]:
        """Take records and what they say of keys; returns the fields of each."""
        rows = self._take_together(bodies, digests)
        if rows is None:
            rows = self._take_each(bodies, digests)
        if self.keys is not None:
            self._follow_keys(rows, digests, last=last)
        return rows

    def _take_together(
        self, bodies: list[bytes], digests: list[bytes]
    ) -> list[list[object]] | None:
        """Take records at once; None when they are too few, or any of them does not hold."""
        if len(bodies) < batch.LEAST:
            return None
        # Each digest is the key of the next one, so all can be recomputed before any is compared.
        keys = (self.chain, *digests[:-1])
        pairs = zip(bodies, keys, strict=True)
        if [blake3(body, key=key).digest() for body, key in pairs] != digests:  # link(), in place
            return None
        found = batch.checked(bodies)
        if found is None:
            return None
        size = self.size + len(bodies)
        in_place = found.seqs == tuple(range(self.size, size))
        if not in_place or not all(map(lt, (self.hlc, *found.times), found.times)):
            return None
        self.frontier.extend(leaf_hashes(bodies))
        self.size, self.chain, self.hlc = size, Digest(digests[-1]), found.times[-1]
        return found.rows

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

    def _follow_keys(self, rows: list[list[object]], digests: list[bytes], *, last: bool) -> None:
        """Move ``keys`` over the records just taken, of which few or none are about keys."""
        if _OF_KEYS.isdisjoint(map(_KIND, rows)):
            return
        begin = self.size - len(rows)
        for index in [index for index, row in enumerate(rows) if row[7] in _OF_KEYS]:
            assert self.keys is not None
            is_last = last and index + 1 == len(rows)
            self.keys = _with(self.keys, begin + index, rows[index], digests[index], last=is_last)

    def _require_unrotated(self) -> None:
        """Nothing may stand between a rotation and the checkpoint that the old key signs."""
        if self.keys is not None and self.keys.epochs.current.first == self.size > self.mark.size:
            raise _rotated_inside(self.size - 1)

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
            self._take_key(origin, claimed, attributes.get("root_key"))
        self.origin = origin
        self.chain = genesis(origin)

    def _take_key(self, origin: str, claimed: str, claimed_root: object) -> None:
        try:
            key = PublicKey.parse(claimed)
            root = None if claimed_root is None else PublicKey.parse(str(claimed_root))
        except (KeyProblem, NoteError) as problem:
            raise DamagedError(0, f"expected a public key: {problem}") from problem
        if key.name != origin:
            raise DamagedError(0, f"expected a key named {origin!r}, found {key.name!r}")
        self.keys = KeyHistory(Epochs.begun(key), root)

    def _take_checkpoint(self, frame: Frame, segment: int) -> None:
        seq = max(self.size - 1, 0)
        if canonical.digest(frame.content) != frame.tail:
            raise DamagedError(
                seq, "checkpoint after it: expected the digest of its frame, found another"
            )
        if segment > 0 and self.mark.start.segment < segment:
            self._take_opening(frame, segment)
            return
        if self.keys is None:
            raise DamagedError(seq, "expected a record that names the key, found a checkpoint")
        if self.size <= self.mark.size:
            raise DamagedError(seq, "checkpoint after it: expected records before it, found none")
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

    def require_opened(self, segment: int) -> None:
        """Refuse a later segment that ended before its opening checkpoint: it comes whole."""
        if segment > 0 and self.signed and self.mark.start.segment < segment:
            raise DamagedError(
                self.size,
                f"expected segment {segment} to open with the checkpoint that closed the segment "
                "before, found nothing; it was cut: restore it from a copy",
            )

    def judge(self, note: bytes) -> Checkpoint:
        """The checkpoint in ``note``, refused unless it is a signed statement of this state."""
        seq = max(self.size - 1, 0)
        assert self.keys is not None
        try:
            found = checkpoint.confirmed(note, self.keys.epochs)
            claims: tuple[int | bytes, ...] = (found.size, found.root, found.chain, found.hlc)
            waypoint = Waypoint.parse(found.extensions)
        except LedgerError as problem:
            raise DamagedError(seq, f"checkpoint after it: {problem}") from problem
        facts: tuple[int | bytes, ...] = (self.size, self.frontier.root(), self.chain, self.hlc)
        for name, claim, fact in zip(("size", "root", "chain", "hlc"), claims, facts, strict=True):
            if claim != fact:
                raise DamagedError(
                    seq,
                    f"checkpoint after it: expected {name} {_shown(fact)}, found {_shown(claim)}",
                )
        if waypoint is not None and not waypoint.holds(tuple(self.frontier.hashes), self.keys):
            raise DamagedError(
                seq,
                "checkpoint after it: expected the edge of this tree and its keys, found others",
            )
        return found

    def commit(self, found: Checkpoint | None, start: Position, stop: Position) -> None:
        """Vouch for the present state."""
        edge = tuple(self.frontier.hashes)
        self.mark = Mark(self.size, self.chain, self.hlc, edge, found, start, stop, self.keys)


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


def _expected(pin: Pin | None) -> KeyHistory | None:
    """What to believe of a log of which nothing is known but a pin; record 0 replaces it."""
    if pin is None:
        return None
    return KeyHistory(pin if isinstance(pin, Epochs) else Epochs.begun(pin))


def _with(
    keys: KeyHistory, seq: int, values: list[object], chain: bytes, *, last: bool
) -> KeyHistory:
    """The history of keys after a record that changes it."""
    try:
        if values[7] == ENDORSED:
            return keys.endorsed(seq, values[8])
        if not last:
            raise _rotated_inside(seq)
        return keys.rotated(seq, values[8], Digest(chain))
    except (EpochError, NoteError) as problem:
        raise DamagedError(seq, str(problem)) from problem


def _rotated_inside(seq: int) -> DamagedError:
    return DamagedError(
        seq, "expected a rotation as the last record of its group, found records behind it"
    )


def _shown(value: int | bytes) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
