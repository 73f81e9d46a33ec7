"""Reading records out of the middle of a log without trusting the disk.

Reading starts at a place whose chain digest is known for certain: the log's beginning, a
checkpoint frame whose signature is verified now, or (in memory) a digest remembered by this
process. From there the chain is followed, and records are handed out only when a later signed
checkpoint confirms the digest reached; signatures between are not needed for that, because each
digest covers all before it.

A signature by a retired key is not enough: whoever stole that key could sign another past, and lay
it into the middle of the log. What was signed in a former epoch is therefore confirmed by
the digest that the table of epochs states for the end of that epoch, and the newest key
signs that table. The first look into a former epoch follows it to its end; on the way this process
remembers digests (``known``), so that later looks are short.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from blake3 import blake3

from ledger.chain.anchors import Anchors
from ledger.chain.places import SPACING, Places, read_checkpoint
from ledger.errors import CanonicalError, DamagedError, LedgerError, NoteError
from ledger.form import batch
from ledger.form.canonical import Digest
from ledger.form.record import Record, genesis, link, unsealed
from ledger.storage import segment
from ledger.storage.run import Run
from ledger.storage.segment import Frame, Torn
from ledger.storage.store import Position, Store
from ledger.trust import checkpoint
from ledger.trust.epochs import Epoch, Epochs

_CONFIRM_EVERY: Final = 1024


class _Start(NamedTuple):
    size: int
    chain: Digest
    at: Position


@dataclass(frozen=True, slots=True)
class Reading:
    """One log as it stood: up to ``end``, signed in ``epochs`` (None in unsigned memory)."""

    store: Store
    epochs: Epochs | None
    origin: str
    end: Position

    def records(self, places: Places, anchors: Anchors, first: int, last: int) -> Iterator[Record]:
        """The records ``first`` to ``last``; the signed head must be at least ``last``."""
        self._vouch(places, anchors, first, last)
        seq, chain, at = self._start(places, anchors, first)
        waiting: list[Record] = []
        for piece in self._pieces(at, seq):
            if isinstance(piece, Run):
                chain = _linked(piece, seq, chain)
                waiting += _unsealed(piece, seq, max(first, seq), last)
                seq += piece.count
                if self.epochs is None:
                    yield from waiting
                    waiting = []
            elif waiting and self._confirms(
                piece, seq, chain, anchors, due=seq >= last or len(waiting) >= _CONFIRM_EVERY
            ):
                yield from waiting
                waiting = []
            if seq >= last and not waiting:
                return
        raise DamagedError(seq, f"expected {last} records under a checkpoint, found the log's end")

    def checkpoint(self, places: Places, anchors: Anchors, size: int) -> bytes:
        """The note of ``size`` records as it stands in the log; whoever takes it judges it."""
        seq, _, at = self._start(places, anchors, size - 1)
        for piece in self._pieces(at, seq):
            if isinstance(piece, Run):
                seq += piece.count
            elif seq == size:
                return piece.content
            if seq > size:
                break
        raise DamagedError(size - 1, "expected a checkpoint after it, found none in the log")

    def _vouch(self, places: Places, anchors: Anchors, first: int, last: int) -> None:
        """Make sure that what is wanted of former epochs leads to where those epochs ended."""
        if self.epochs is None:
            return
        rows = self.epochs.rows
        begin = self.epochs.at(first + 1).number
        for row, after in zip(rows[begin:], rows[begin + 1 :], strict=False):
            if row.first >= last:
                return
            start = self._start(places, anchors, max(first, row.first))
            if not anchors.knows(row.number, start.size):
                found = self._followed(start, row, after)
                anchors.add(row.number, start.size, found)

    def _followed(self, start: _Start, row: Epoch, after: Epoch) -> dict[int, Digest]:
        """Digests on the way from ``start`` to the end of the epoch ``row``."""
        seq, chain, _ = start
        found: dict[int, Digest] = {}
        latest = seq
        for piece in self._pieces(start.at, seq):
            if isinstance(piece, Run):
                for body in piece.bodies:
                    chain = link(chain, body)
                seq += piece.count
            elif seq - latest >= SPACING:
                found[seq], latest = chain, seq
            if seq >= after.first:
                break
        if (seq, chain) != (after.first, after.chain):
            raise DamagedError(
                start.size,
                f"expected records {start.size} to {after.first - 1} to lead to the digest that "
                f"the newest key signed for the end of epoch {row.number}, found another past: "
                "altered, or put there with the retired key; verify the ledger",
            )
        return {**found, after.first: chain}

    def _start(self, places: Places, anchors: Anchors, first: int) -> _Start:
        found = places.before(first)
        if found is not None:
            size, at = found
            if self.epochs is None:
                return _Start(size, anchors.digests[size], at)
            try:
                signed, stop = read_checkpoint(self.store, at, self.epochs)
                if signed.size == size:
                    return _Start(size, signed.chain, Position(at.segment, stop))
            except (LedgerError, ValueError, ArithmeticError):
                pass  # a false place in a cache: the scan below meets whatever is wrong there
            places.clear()
        return _Start(0, genesis(self.origin), Position(0, segment.HEADER.size))

    def _pieces(self, at: Position, seq: int) -> Iterator[Run | Frame]:
        while at < self.end:
            last = at.segment == self.end.segment
            stop = self.end.offset if last else self.store.length(at.segment)
            try:
                for piece in segment.runs(self.store, at, stop):
                    yield _whole(piece)
            except DamagedError as problem:
                if problem.seq < 0:
                    raise DamagedError(seq, problem.reason) from problem
                raise
            if last:
                return
            at = Position(at.segment + 1, segment.HEADER.size)

    def _confirms(
        self, frame: Frame, seq: int, chain: Digest, anchors: Anchors, *, due: bool
    ) -> bool:
        """Whether all up to ``seq`` is certain here; ``DamagedError`` when it is false."""
        assert self.epochs is not None
        if self.epochs.at(seq) == self.epochs.current:
            if due:
                self._confirm(frame, seq, chain)
            return due
        known = anchors.digests.get(seq)
        if known is not None and known != chain:
            raise DamagedError(seq - 1, "expected the digest known for this place, found another")
        return known is not None

    def _confirm(self, frame: Frame, seq: int, chain: Digest) -> None:
        assert self.epochs is not None
        try:
            signed = checkpoint.confirmed(frame.content, self.epochs)
            holds = signed.size == seq and signed.chain == chain
        except NoteError as problem:
            raise DamagedError(seq - 1, f"checkpoint after it: {problem}") from problem
        if not holds:
            raise DamagedError(
                seq - 1, "checkpoint after it: expected its size and chain digest, found others"
            )


def _whole(piece: Run | Frame | Torn) -> Run | Frame:
    if isinstance(piece, Torn):
        raise DamagedError(-1, f"expected whole frames inside the signed log, found {piece.reason}")
    return piece


def _linked(run: Run, seq: int, chain: Digest) -> Digest:
    """The chain digest behind ``run``, whose first record is ``seq``, recomputed from ``chain``."""
    # Each digest is the key of the next one, so all can be recomputed before any is compared.
    keys = (chain, *run.digests[:-1])
    pairs = zip(run.bodies, keys, strict=True)
    found = [blake3(body, key=key).digest() for body, key in pairs]  # link(), in place: for speed
    if found != run.digests:
        bad = next(n for n, digest in enumerate(run.digests) if found[n] != digest)
        raise DamagedError(seq + bad, "expected the digest of its body, found another")
    return run.last


def _unsealed(run: Run, seq: int, first: int, last: int) -> Iterator[Record]:
    """The records from ``first`` up to ``last`` in ``run``, whose first record is ``seq``."""
    for start in range(first, min(last, seq + run.count), batch.MOST):
        part = slice(start - seq, min(start + batch.MOST, last) - seq)
        bodies, digests = run.bodies[part], run.digests[part]
        found = batch.checked(bodies) if len(bodies) >= batch.LEAST else None
        if found is not None and found.seqs == tuple(range(start, start + len(bodies))):
            parts = zip(found.rows, bodies, digests, strict=True)
            yield from [Record._make((*row, body, digest)) for row, body, digest in parts]
        else:
            for each, (body, digest) in enumerate(zip(bodies, digests, strict=True), start):
                yield _unsealed_one(body, each, digest)


def _unsealed_one(body: bytes, seq: int, chain: bytes) -> Record:
    try:
        record = unsealed(body, Digest(chain))
    except CanonicalError as problem:
        raise DamagedError(seq, str(problem)) from problem
    if record.seq != seq:
        raise DamagedError(seq, f"expected seq {seq} in the body, found {record.seq}")
    return record
