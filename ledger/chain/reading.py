"""Reading records out of the middle of a log without trusting the disk.

Reading starts at a place whose chain digest is known for certain: the log's beginning, a
checkpoint frame whose signature is verified now, or (in memory) a digest remembered by this
process. From there the chain is followed, and records are handed out only when a later signed
checkpoint confirms the digest reached; signatures between are not needed for that, because each
digest covers all before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from ledger.chain.places import Places, read_checkpoint
from ledger.errors import CanonicalError, DamagedError, NoteError
from ledger.form.canonical import Digest
from ledger.form.record import Record, genesis, link, unsealed
from ledger.storage import segment
from ledger.storage.segment import Frame, Run, Torn
from ledger.storage.store import Position, Store
from ledger.trust import checkpoint
from ledger.trust.keys import PublicKey

_CONFIRM_EVERY: Final = 1024


class _Start(NamedTuple):
    size: int
    chain: Digest
    at: Position


@dataclass(frozen=True, slots=True)
class Reading:
    """One log as it stood: up to ``end``, signed by ``key`` (None in unsigned memory)."""

    store: Store
    key: PublicKey | None
    origin: str
    end: Position

    def records(
        self, places: Places, anchors: dict[int, Digest], first: int, last: int
    ) -> Iterator[Record]:
        """The records ``first`` to ``last``; the signed head must be at least ``last``."""
        seq, chain, at = self._start(places, anchors, first)
        waiting: list[Record] = []
        for piece in self._pieces(at, seq):
            if isinstance(piece, Run):
                for body, digest in zip(piece.bodies, piece.digests, strict=True):
                    chain = link(chain, body)
                    if chain != digest:
                        raise DamagedError(seq, "body and chain digest do not belong together")
                    if first <= seq < last:
                        waiting.append(_unsealed(body, seq, chain))
                    seq += 1
                if self.key is None:
                    yield from waiting
                    waiting = []
            elif waiting and (len(waiting) >= _CONFIRM_EVERY or seq >= last):
                self._confirm(piece, seq, chain)
                yield from waiting
                waiting = []
            if seq >= last and not waiting:
                return
        raise DamagedError(seq, f"expected {last} records under a checkpoint, found the log's end")

    def _start(self, places: Places, anchors: dict[int, Digest], first: int) -> _Start:
        found = places.before(first)
        if found is not None:
            size, at = found
            if self.key is None:
                return _Start(size, anchors[size], at)
            try:
                signed, stop = read_checkpoint(self.store, at, self.key)
                if signed.size == size:
                    return _Start(size, signed.chain, Position(at.segment, stop))
            except (ValueError, NoteError):
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

    def _confirm(self, frame: Frame, seq: int, chain: Digest) -> None:
        assert self.key is not None
        try:
            signed = checkpoint.verified(frame.content, self.key)
            holds = signed.size == seq and signed.chain == chain
        except NoteError as problem:
            raise DamagedError(seq - 1, f"checkpoint after it: {problem}") from problem
        if not holds:
            raise DamagedError(seq - 1, "checkpoint after it states another size or chain digest")


def _whole(piece: Run | Frame | Torn) -> Run | Frame:
    if isinstance(piece, Torn):
        raise DamagedError(-1, f"{piece.reason} inside the signed log")
    return piece


def _unsealed(body: bytes, seq: int, chain: Digest) -> Record:
    try:
        record = unsealed(body, chain)
    except CanonicalError as problem:
        raise DamagedError(seq, str(problem)) from problem
    if record.seq != seq:
        raise DamagedError(seq, f"expected seq {seq} in the body, found {record.seq}")
    return record
