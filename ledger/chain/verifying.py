"""A whole audit of a ledger's directory, streaming, changing nothing.

The rules are the follower's; here is only what an auditor adds: every byte of every segment must be
accounted for, an end without signature counts against the ledger, the published checkpoint must
be one that the log contains, and the objects that records refer to must have their digests.

A verdict without a key from outside is the ledger's word about itself (``trusted`` is False): it
shows accidents, not a forger who replaced log and key together.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final, cast

from ledger.chain.follower import Follower
from ledger.errors import (
    DamagedError,
    FormatError,
    LedgerError,
    LedgerMissing,
    ObjectProblem,
    UnreadableError,
)
from ledger.form.canonical import Digest, Json
from ledger.form.references import referred
from ledger.storage import segment
from ledger.storage.file_store import FileStore
from ledger.storage.objects import CHUNK_BYTES, ObjectStore
from ledger.storage.segment import Frame, Torn
from ledger.storage.store import Position, Store
from ledger.trust.keys import PublicKey

_SEQ: Final = 1
_ATTRIBUTES: Final = 8
_PAYLOAD: Final = 9


class Status(StrEnum):
    """What an audit can end with."""

    OK = "ok"
    BROKEN = "broken"
    EMPTY = "empty"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class FirstBad:
    """The first thing that does not hold: the record it concerns, and why."""

    seq: int
    reason: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The verdict; ``size`` and ``root`` are those of the last signed head that held."""

    status: Status
    size: int
    root: bytes
    signer: str | None
    first_bad: FirstBad | None
    trusted: bool
    bytes: int
    remarks: tuple[str, ...] = ()


def verify(
    directory: Path, public_key: PublicKey | None = None, *, objects: bool = False
) -> Verification:
    """Audit the ledger in ``directory``; with ``objects`` also what its records refer to."""
    audit = _Audit(public_key, check_objects=objects)
    try:
        store = FileStore(directory, read_only=True)
    except FormatError as problem:
        return audit.verdict(Status.BROKEN, FirstBad(0, str(problem)))
    except LedgerMissing as problem:
        return audit.verdict(Status.EMPTY, FirstBad(0, str(problem)))
    except (UnreadableError, OSError) as problem:
        return audit.verdict(Status.UNREADABLE, FirstBad(0, str(problem)))
    with closing(store):
        return _run(audit, store)


def _run(audit: "_Audit", store: FileStore) -> Verification:
    try:
        return audit.run(store)
    except DamagedError as problem:
        seq = problem.seq if problem.seq >= 0 else audit.follower.size
        return audit.verdict(Status.BROKEN, FirstBad(seq, problem.reason))
    except (UnreadableError, OSError) as problem:
        return audit.verdict(Status.UNREADABLE, FirstBad(audit.follower.size, str(problem)))
    except LedgerError as problem:
        return audit.verdict(Status.BROKEN, FirstBad(audit.follower.size, str(problem)))


class _Audit:
    """One run over one store: follow every frame, then settle what was published."""

    def __init__(self, key: PublicKey | None, *, check_objects: bool) -> None:
        self.follower = Follower(key)
        self._trusted = key is not None
        self._check_objects = check_objects
        self._checked: set[Digest] = set()
        self._published: bytes | None = None
        self._met_published = False
        self._bytes = 0

    def run(self, store: Store) -> Verification:
        """Follow ``store`` as it stands at this moment; later appends are not looked at."""
        with store.shared():
            end, self._published = store.end(), store.published()
        lengths = [store.length(number) for number in range(end.segment)]
        if end.segment >= 0:
            lengths.append(end.offset)
        for number, length in enumerate(lengths):
            self._follow_segment(store, number, length, last=number == end.segment)
        return self._settle()

    def verdict(self, status: Status, bad: FirstBad | None = None) -> Verification:
        """The verification as far as the run came."""
        mark, key = self.follower.mark, self.follower.key
        root = mark.checkpoint.root if mark.checkpoint is not None else b""
        signer = str(key) if key is not None else None
        return Verification(status, mark.size, root, signer, bad, self._trusted, self._bytes)

    def _follow_segment(self, store: Store, number: int, length: int, *, last: bool) -> None:
        header = segment.HEADER.size
        segment.check_header(store.read(Position(number, 0), min(header, length)), number)
        self._bytes += header
        follower = self.follower
        see = partial(self._check_objects_of, store.objects) if self._check_objects else None
        for frame in segment.runs(store, Position(number, header), length):
            if isinstance(frame, Torn):
                where = "" if last else f" of segment {number}, which is not the last"
                raise DamagedError(
                    follower.size,
                    f"expected complete frames, found {frame.reason}{where}: "
                    f"{length - frame.start} "
                    "bytes at the end were never acknowledged, cut, or added",
                )
            if isinstance(frame, Frame):
                follower.follow(frame, number)
                self._met_published = self._met_published or frame.content == self._published
            else:
                follower.take_records(frame.bodies, frame.digests, see)
            self._bytes += frame.stop - frame.start

    def _check_objects_of(self, objects: ObjectStore, values: list[object]) -> None:
        """Hash the payload of a record, and what its attributes refer to as content."""
        names = referred(cast("Json", values[_ATTRIBUTES]))
        payload = values[_PAYLOAD]
        if isinstance(payload, bytes):
            names.add(Digest(payload))
        for name in sorted(names - self._checked):
            try:
                with objects.open(name) as file:
                    while file.read(CHUNK_BYTES):
                        pass
            except ObjectProblem as problem:
                raise DamagedError(
                    cast("int", values[_SEQ]), f"its content: {problem}"
                ) from problem
            self._checked.add(name)

    def _settle(self) -> Verification:
        follower, published = self.follower, self._published
        if follower.size > follower.mark.size:
            raise DamagedError(
                follower.mark.size,
                f"expected a checkpoint at the end, found {follower.size - follower.mark.size} "
                "unsigned records: never acknowledged, or added by someone without the key",
            )
        last = max(follower.size - 1, 0)
        if published is not None and not self._met_published:
            raise DamagedError(last, self._published_reason(published))
        if follower.size == 0:
            return self.verdict(Status.EMPTY)
        return replace(self.verdict(Status.OK), remarks=tuple(self._remarks()))

    def _remarks(self) -> Iterator[str]:
        """What is no damage, but worth saying."""
        mine = self.follower.mark.checkpoint
        if self._published is None:
            yield "the file checkpoint is missing; the next open writes it"
        elif mine is not None and self._published != mine.note:
            yield "the file checkpoint is older than the log; the next open renews it"
        if self._check_objects:
            count = len(self._checked)
            yield f"{count} objects that records name hold; what those name in turn was not asked"

    def _published_reason(self, published: bytes) -> str:
        """Why the file ``checkpoint`` is none of the log's."""
        from ledger.trust import checkpoint  # noqa: PLC0415 - only on the way to a verdict

        key, size = self.follower.key, self.follower.size
        try:
            if key is None:
                raise DamagedError(0, "no key is known")
            claim = checkpoint.verified(published, key)
        except LedgerError as problem:
            return f"the file checkpoint does not hold: {problem}"
        if claim.size > size:
            return f"rollback: the file checkpoint states {claim.size} records, the log has {size}"
        return (
            f"equivocation: the file checkpoint is signed for {claim.size} records with root "
            f"{claim.root.hex()}, and no checkpoint in the log says so"
        )
