"""A whole audit of a ledger's directory, streaming, changing nothing.

The rules are the follower's; here is only what an auditor adds: every byte of every segment must be
accounted for, an end without signature counts against the ledger, the published checkpoint must
be one that the log contains, and the objects that records lead to must have their digests.

With several jobs the log is cut where seals claim its state, and stretches are followed by several
at once. The claims are checked last, in order: each stretch must be left in exactly the state in
which the next began. Whatever does not hold is followed again, in order, from the
last state that did; so the verdict is that of one pass, word for word.

A verdict without a key from outside is the ledger's word about itself (``trusted`` is False): it
shows accidents, not a forger who replaced log and key together.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ledger.chain.auditing import Audit, Outcome, Stretch, Terms
from ledger.chain.follower import Follower, Mark
from ledger.chain.identity import begun_keys
from ledger.chain.remains import Remains, load
from ledger.chain.sealing import histories, mark_from_seal
from ledger.errors import (
    DamagedError,
    FormatError,
    LedgerError,
    LedgerMissing,
    UnreadableError,
)
from ledger.storage.file_store import FileStore
from ledger.storage.store import Store
from ledger.trust.checkpoint import carries
from ledger.trust.endorsement import KeyHistory, Pin, covered


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
    """The verdict; ``size`` and ``root`` are those of the last signed head that held.

    ``first`` is the first record that was not pruned, but for record 0; 0 where nothing was.
    """

    status: Status
    size: int
    root: bytes
    signer: str | None
    first_bad: FirstBad | None
    trusted: bool
    bytes: int
    remarks: tuple[str, ...] = ()
    first: int = 0


def verify(
    directory: Path,
    public_key: Pin | None = None,
    *,
    objects: bool = False,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Audit the ledger in ``directory``; with ``objects`` also the content its records lead to.

    ``public_key`` is what you trust: the key of any epoch, the root's, or a table of epochs.
    ``jobs`` share the work (``parallel`` says who they are, and what that asks of the program);
    ``progress`` is told the bytes followed and the bytes in all.
    """
    audit = _Verifying(Terms(directory, public_key, None, objects), progress)
    try:
        store = FileStore(directory, read_only=True)
    except FormatError as problem:
        return audit.verdict(Status.BROKEN, FirstBad(0, str(problem)))
    except LedgerMissing as problem:
        return audit.verdict(Status.EMPTY, FirstBad(0, str(problem)))
    except (UnreadableError, OSError) as problem:
        return audit.verdict(Status.UNREADABLE, FirstBad(0, str(problem)))
    with closing(store):
        return audit.judged(store, jobs)


class _Verifying:
    """One verification of one store as it stands at this moment; later appends are not seen."""

    def __init__(self, terms: Terms, progress: Callable[[int, int], None] | None) -> None:
        self._terms = terms
        self._progress = progress
        self._total = 0
        self._done = 0
        self._audit = Audit(terms, self._count)
        self._remarks: list[str] = []
        self._remains: Remains | None = None

    def judged(self, store: FileStore, jobs: int) -> Verification:
        """The verdict, whatever happens on the way to it."""
        try:
            return self._run(store, jobs)
        except DamagedError as problem:
            seq = problem.seq if problem.seq >= 0 else self._audit.follower.size
            return self.verdict(Status.BROKEN, FirstBad(seq, problem.reason))
        except (UnreadableError, OSError) as problem:
            bad = FirstBad(self._audit.follower.size, str(problem))
            return self.verdict(Status.UNREADABLE, bad)
        except LedgerError as problem:
            bad = FirstBad(self._audit.follower.size, str(problem))
            return self.verdict(Status.BROKEN, bad)

    def verdict(self, status: Status, bad: FirstBad | None = None) -> Verification:
        """The verification as far as the run came."""
        mark, key = self._audit.follower.mark, self._audit.follower.key
        root = mark.checkpoint.root if mark.checkpoint is not None else b""
        signer = str(key) if key is not None else None
        trusted = self._terms.key is not None
        remarks = tuple(self._remarks) if status is Status.OK else ()
        first = 0 if self._remains is None else self._remains.state.size
        return Verification(
            status, mark.size, root, signer, bad, trusted, self._audit.bytes, remarks, first
        )

    def _run(self, store: FileStore, jobs: int) -> Verification:
        with store.shared():
            end, published = store.end(), store.published()
            self._remains = load(store)
        self._terms = self._terms._replace(published=published)
        mark = self._begin(store) if self._remains is not None else None
        first = store.first()
        lengths = [store.length(number) for number in range(first, end.segment)]
        if end.segment >= 0:
            lengths.append(end.offset)
        self._total = sum(lengths)
        stretches = _cut(store, lengths, jobs, mark)
        self._audit = Audit(self._terms, self._count)
        if mark is not None:
            self._audit.follower.begin(mark)
        if jobs > 1 and len(stretches) > 1:
            stretches = self._spread(stretches, jobs)
        for stretch in stretches:
            self._audit.follow(store, stretch)
        return self._settle()

    def _begin(self, store: FileStore) -> Mark:
        """Where a pruned log begins; the record that states the pruning must be met later."""
        assert self._remains is not None
        mark = self._remains.mark(store)
        store.begin_at(mark.start.segment)
        self._terms = self._terms._replace(wanted=self._remains.record)
        return mark

    def _spread(self, stretches: list[Stretch], jobs: int) -> list[Stretch]:
        """Let processes follow ``stretches``; those that are left for this one to follow."""
        from ledger.chain import parallel  # noqa: PLC0415 - what few audits need, and 20 ms

        try:
            outcomes = parallel.follow_all(self._terms, stretches, jobs, self._count)
        except OSError as problem:
            self._remarks.append(f"one process did all: no others could be started ({problem})")
            return stretches
        held = 0
        for outcome, following in zip(outcomes, [*stretches[1:], None], strict=True):
            if outcome is None or not _joined(outcome, following):
                break
            self._audit.adopt(outcome)
            held += 1
        self._done = self._audit.bytes
        return stretches[held:]

    def _count(self, count: int) -> None:
        self._done += count
        if self._progress is not None:
            self._progress(min(self._done, self._total), self._total)

    def _settle(self) -> Verification:
        follower, published = self._audit.follower, self._terms.published
        if follower.size > follower.mark.size:
            raise DamagedError(
                follower.mark.size,
                f"expected a checkpoint at the end, found {follower.size - follower.mark.size} "
                "unsigned records: never acknowledged, or added by someone without the key",
            )
        last = max(follower.size - 1, 0)
        if self._remains is not None and not self._remains.states(self._audit.wanted):
            raise DamagedError(
                self._remains.record,
                "expected the record that states what the file pruned says, found another; the "
                "prefix was not removed by the ledger: restore it from a copy",
            )
        if published is not None and not self._audit.met_published:
            raise DamagedError(last, _published_reason(follower, published))
        if follower.size == 0:
            return self.verdict(Status.EMPTY)
        self._vouch()
        self._remarks.extend(self._remark())
        return self.verdict(Status.OK)

    def _vouch(self) -> None:
        """Nothing of a log holds, for whoever brought a key that does not vouch for it."""
        try:
            said = self._audit.follower.vouched()
        except DamagedError:
            self._audit = Audit(self._terms, self._count)
            raise
        if said is not None:
            self._remarks.append(f"trusted: {said}")

    def _unendorsed(self) -> Iterator[str]:
        """Epochs that stand on rotations alone, in a log that names a root to endorse them."""
        keys = self._audit.follower.mark.keys
        if keys is None or keys.root is None or self._terms.key == keys.root:
            return
        known = covered(keys.root, keys)
        bare = [str(row.number) for row in keys.epochs if row.number not in known]
        if bare:
            yield (
                f"the root {keys.root} that record 0 names did not endorse epoch "
                f"{', '.join(bare)}; have its keeper endorse the epochs, or distrust them"
            )

    def _remark(self) -> Iterator[str]:
        """What is no damage, but worth saying."""
        if self._remains is not None:
            yield self._remains.remark()
        mine, published = self._audit.follower.mark.checkpoint, self._terms.published
        if published is None:
            yield "the file checkpoint is missing; the next open writes it"
        elif mine is not None and not carries(published, mine.note):
            yield "the file checkpoint is older than the log; the next open renews it"
        yield from self._unendorsed()
        if self._terms.objects:
            count = len(self._audit.checked)
            yield f"{count} objects hold: those that records name, and what traces and trees name"


def _cut(store: Store, lengths: list[int], jobs: int, begin: Mark | None) -> list[Stretch]:
    """Stretches that begin where a seal claims a state that the signed opening there repeats."""
    begun, base = None, store.first()
    if lengths and jobs > 1:
        begun = _named_key(store) if begin is None else begin.keys
    keys = [] if begun is None else histories(store, begun)
    begins: list[tuple[int, Mark | None]] = [(base, begin)]
    for number in range(base + 1, min(base + len(lengths), len(keys))):
        mark = mark_from_seal(store, number, keys[number])
        if mark is not None:
            begins.append((number, mark))
    end = base + len(lengths)
    ends = [number for number, _ in begins[1:]] + [end]
    return [
        Stretch(first, tuple(lengths[first - base : stop - base]), mark, stop == end)
        for (first, mark), stop in zip(begins, ends, strict=True)
    ]


def _named_key(store: Store) -> KeyHistory | None:
    """The key that record 0 names; whether it holds is for whoever follows record 0."""
    try:
        return begun_keys(store)
    except LedgerError:
        return None


def _joined(outcome: Outcome, following: Stretch | None) -> bool:
    """Whether a stretch held, and was left in the very state in which the next one began."""
    if not outcome.good or following is None:
        return outcome.good
    left, claimed = outcome.mark, following.mark
    return claimed is not None and left._replace(start=claimed.start, stop=claimed.stop) == claimed


def _published_reason(follower: Follower, published: bytes) -> str:
    """Why the file ``checkpoint`` is none of the log's."""
    from ledger.trust import checkpoint  # noqa: PLC0415 - only on the way to a verdict

    try:
        if follower.keys is None:
            raise DamagedError(0, "expected a key in record 0, found none")
        claim = checkpoint.confirmed(published, follower.keys.epochs)
    except LedgerError as problem:
        return f"the file checkpoint does not hold: {problem}"
    if claim.size > follower.size:
        return (
            f"rollback: the file checkpoint states {claim.size} records, the log has "
            f"{follower.size}"
        )
    return (
        f"equivocation: the file checkpoint is signed for {claim.size} records with root "
        f"{claim.root.hex()}, and no checkpoint in the log says so"
    )
