"""What a benchmark is asked, and what its answer holds: pure, from times and verdicts to rows.

Times are whole nanoseconds, of one run each; a median of an even number is the lower of the two in
the middle, and a 95th percentile is the least time that 95 of 100 do not exceed: all are measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from ledger import Digest, Json
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism
from os2shell.model.errors import UsageError
from os2shell.model.guest import Tier
from os2shell.model.plain import ADDED, to_json
from os2shell.replay.verdict import Verdict

if TYPE_CHECKING:  # every start that looks at the past would pay for them
    from os2shell.executors.suite import Program
    from os2shell.executors.workers import Done

SAME = str(Verdict.IDENTICAL)


@dataclass(frozen=True, slots=True)
class RunBenchmark:
    """Ask for a benchmark. The answer is a ``Benchmark``.

    ``tier`` None takes both, ``jobs`` None as many processes as there are processors. ``packages``
    is the tree of the environment that the programs have.
    """

    kind: ClassVar[str] = "benchmark.run"
    needs: ClassVar[Capability] = Capability.PROCESS_SPAWN
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    suite: str
    tier: str | None
    count: int
    jobs: int | None
    packages: Digest | None = field(default=None, metadata=ADDED)

    def body(self) -> Json:
        """The selection."""
        return to_json(self)

    def scope(self) -> str:
        """Each program is admitted for itself, by the manifest in force."""
        return ""


@dataclass(frozen=True, slots=True)
class Row:
    """One program in one tier; times in ns, of one run. ``divergence`` is the first, if any.

    ``skipped`` says why it counts for nothing: a library that it is about is not there.
    """

    program: str
    tier: str
    code: int
    cause: str
    expected: bool
    skipped: bool
    replays: int
    agreeing: int
    events: int
    record_ns: int
    replay_median_ns: int
    replay_p95_ns: int
    bare_median_ns: int
    divergence: str | None

    @property
    def good(self) -> bool:
        """Whether it ended as it must and every replay agreed."""
        return (self.skipped or self.expected) and self.agreeing == self.replays


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What came out. ``events`` were replayed within ``replay_wall_ns``, by ``jobs`` processes.

    ``memory_early_bytes`` and ``memory_late_bytes`` are the largest a replaying process held after
    its first tenth of replays, and at its end.
    """

    suite: str
    count: int
    jobs: int
    image: bytes
    replays: int
    agreeing: int
    events: int
    record_median_ns: int
    record_p95_ns: int
    replay_median_ns: int
    replay_p95_ns: int
    replay_wall_ns: int
    bare_median_ns: int
    memory_early_bytes: int
    memory_late_bytes: int
    evidence: Json
    rows: tuple[Row, ...]

    @property
    def good(self) -> bool:
        """Whether every program ended as it must and every replay agreed."""
        return all(row.good for row in self.rows)

    @property
    def overhead_ns(self) -> int:
        """What recording takes more than bare Python does: the median over programs."""
        return median([row.record_ns - row.bare_median_ns for row in self.rows])


@dataclass(frozen=True, slots=True)
class Entry:
    """A program in a tier: what is recorded once."""

    program: "Program"
    tier: Tier

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.program.name} ({self.tier})"


def entries_of(programs: "Sequence[Program]", tier: str | None) -> tuple[Entry, ...]:
    """Every program in every tier that was asked for and that it is for."""
    found = tuple(
        Entry(program, each)
        for each in Tier
        for program in programs
        if each in program.tiers and tier in {None, str(each)}
    )
    if not found:
        raise UsageError(f"no program for tier {tier}", expected="another suite or tier")
    return found


def row_of(
    entry: Entry, record: "Done", replays: "Sequence[Done]", bare: Sequence[int], events: int
) -> Row:
    """One row; ``replays`` answer with verdict and divergence, ``record`` with code and cause."""
    code, cause = record.answer
    times = [each.duration_ns for each in replays]
    differing = [told for verdict, told in (each.answer for each in replays) if verdict != SAME]
    return Row(
        program=entry.program.name,
        tier=str(entry.tier),
        code=code,
        cause=cause,
        expected=(code, cause) == (entry.program.code, "exit"),
        skipped=(code, cause) == (entry.program.absent, "exit"),
        replays=len(replays),
        agreeing=len(replays) - len(differing),
        events=events,
        record_ns=record.duration_ns,
        replay_median_ns=median(times),
        replay_p95_ns=p95(times),
        bare_median_ns=median(bare),
        divergence=differing[0] if differing else None,
    )


def median(times: Sequence[int]) -> int:
    """The one in the middle, or the lower of the two."""
    return sorted(times)[(len(times) - 1) // 2]


def p95(times: Sequence[int]) -> int:
    """The least that 95 of 100 do not exceed (nearest rank)."""
    return sorted(times)[-(-len(times) * 95 // 100) - 1]


def memory(replays: "Sequence[Done]") -> tuple[int, int]:
    """What the largest process held after its first tenth of replays, and at its end."""
    by_worker: dict[int, list[int]] = {}
    for each in replays:
        by_worker.setdefault(each.worker, []).append(each.memory_bytes)
    early = max(held[len(held) // 10] for held in by_worker.values())
    return early, max(held[-1] for held in by_worker.values())
