"""Performing a benchmark: programs recorded once and replayed many times, each as by anybody.

Each program is run by the ordinary command in a workspace and a ledger made for it, so that no
other file is in the way, and replayed by the ordinary player; neither knows that it is timed.
Records are made one after the other, in one process; replays are spread over processes. The whole
ledger made here is kept as evidence: a bundle, an object of the ledger that asked.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ledger import Digest, Json, MemoryObjects, ObjectStore, OverlayObjects, reached_from
from ledger import Entry as LedgerEntry
from os2shell.executors.evidence import EvidenceExporter, ExportEvidence
from os2shell.executors.progress import Progress
from os2shell.executors.suite import (
    copied_suite,
    processors,
    read_from,
    read_suite,
    run_bare,
    suite_folder,
)
from os2shell.executors.workers import Done, Work, spread
from os2shell.kernel.dispatch import Request
from os2shell.kernel.engine import Engine
from os2shell.kernel.intents import BOOT_SESSION
from os2shell.kernel.invocation import Identity
from os2shell.model.effect import Transcript
from os2shell.model.errors import CannotStart
from os2shell.model.plain import to_json
from os2shell.replay.benchmark import (
    Benchmark,
    Entry,
    Row,
    RunBenchmark,
    entries_of,
    median,
    memory,
    p95,
    row_of,
)
from os2shell.replay.player import Workshop, replay_run, trace_of
from os2shell.replay.runs import RecordedRun
from os2shell.replay.steps import Step
from os2shell.replay.verify_runs import Means, runs_of
from os2shell.subsystems.environments.events import EnvironmentCreated, EnvironmentSelected

BARE_ROUNDS = 3
NAME = "benchmark"
"""The environment that programs have here; elsewhere it has another name."""
COMMANDS_BY_TIER = {"native": "python", "restricted": "pyvm"}
RECORDS_OF_A_RUN = 2
"""Its admission and its end."""


class House(Protocol):
    """A shell's house of its own, in a folder made for the benchmark."""

    @property
    def identity(self) -> Identity:
        """Who acts."""
        ...

    def open_engine(self) -> Engine:
        """The engine."""
        ...

    def warm(self, *, always: bool = False) -> None:
        """Start a sandbox ahead of each run."""
        ...

    def close(self) -> None:
        """Let go of the ledger."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """What wiring makes in a folder: the house, what replays need, and the way to a bundle.

    ``library`` gives the folder of packages of an environment's tree.
    """

    house: House
    means: Means
    exporter: EvidenceExporter
    library: Callable[[Digest], Path]


class Benchmarker:
    """Performs ``RunBenchmark``."""

    def __init__(self, place: Callable[[Path], Place], objects: Callable[[], ObjectStore]) -> None:
        """``place`` makes a house in a folder; evidence is kept in ``objects``."""
        self._place = place
        self._objects = objects

    def perform(self, effect: RunBenchmark, transcript: Transcript) -> Json:
        """Record, time bare Python, replay, compare, keep the evidence."""
        source = suite_folder()
        entries = entries_of(read_suite(source, effect.suite), effect.tier)
        jobs = effect.jobs or processors()
        with copied_suite(source) as folder:
            bench = _Bench(entries, folder, self._place, effect.packages)
            bench.take_packages(self._objects())
            image = bench.place().means.equipment()  # built here, where somebody is told of it
            records = bench.record()
            bare = bench.bare()
            replays = bench.replay(effect.count, jobs)
            steps = bench.events()
            evidence = self._keep(folder, bench.place().exporter, transcript)
        rows = tuple(
            row_of(
                entry,
                records[number],
                replays.of(number, len(entries)),
                bare[number],
                steps[number],
            )
            for number, entry in enumerate(entries)
        )
        return to_json(_summary(effect, jobs, image, rows, replays, evidence))

    def _keep(self, folder: Path, exporter: EvidenceExporter, transcript: Transcript) -> Json:
        path = folder / "evidence.os2z"
        exporter.perform(ExportEvidence("all", str(path), "bundle"), transcript)
        with path.open("rb") as file:
            name = self._objects().put_stream(file.read)
        return {"size": path.stat().st_size, "digest": name}


@dataclass(frozen=True, slots=True)
class _Replays:
    """All replays, and how long they took together."""

    done: tuple[Done, ...]
    wall_ns: int

    def of(self, number: int, entries: int) -> list[Done]:
        """Those of one entry."""
        return [each for each in self.done if each.task % entries == number]


class _Bench:
    """The stages, on one folder."""

    def __init__(
        self,
        entries: Sequence[Entry],
        folder: Path,
        place: Callable[[Path], Place],
        packages: Digest | None,
    ) -> None:
        self._entries = entries
        self._packages = packages
        self._folder = folder
        self._make = place
        self._progress = Progress()

    def place(self) -> Place:
        """A house here; every process makes its own."""
        return self._make(self._folder)

    def take_packages(self, objects: ObjectStore) -> None:
        """Have the environment here too: what it is made of, and that runs have it."""
        if self._packages is None:
            return
        house = self.place().house
        engine = house.open_engine()
        for name in sorted(reached_from(self._packages, objects)):
            with objects.open(name) as source:
                engine.objects.put_stream(source.read)
        facts: dict[str, dict[str, Json]] = {
            EnvironmentCreated.kind: {"name": NAME, "tree": self._packages, "lock": None},
            EnvironmentSelected.kind: {"name": NAME},
        }
        entries = [
            LedgerEntry(kind, body, session=BOOT_SESSION, actor=house.identity.actor)
            for kind, body in facts.items()
        ]
        engine.record(lambda _state: entries)
        engine.close()
        house.close()

    def record(self) -> list[Done]:
        """Run every entry once, recorded."""
        return self._stage("recording", [range(len(self._entries))], self._recorder)

    def bare(self) -> list[list[int]]:
        """Times of every entry's program without us, some rounds each."""
        number = len(self._entries)
        done = self._stage("bare", [range(number * BARE_ROUNDS)], self._bare)
        return [
            [each.duration_ns for each in done if each.task % number == n] for n in range(number)
        ]

    def replay(self, count: int, jobs: int) -> _Replays:
        """Replay every recorded run ``count`` times over ``jobs`` processes."""
        total = range(len(self._entries) * count)
        began = time.perf_counter_ns()
        done = self._stage("replaying", [total[job::jobs] for job in range(jobs)], self._player)
        return _Replays(tuple(done), time.perf_counter_ns() - began)

    def events(self) -> list[int]:
        """How many events each recorded run has: records, facts in them, questions."""
        place = self.place()
        source = place.means.open_ledger()
        return [_events(run, source.objects) for run in _runs(place.means)]

    def _stage(self, what: str, shares: Sequence[range], prepare: Callable[[], Work]) -> list[Done]:
        total = sum(len(share) for share in shares)
        found: list[Done] = []
        try:
            for done in spread(shares, prepare):
                found.append(done)
                self._progress.show(what, len(found), total)
        finally:
            self._progress.clear()
        return found

    def _recorder(self) -> Work:
        place = self.place()
        house, commands = place.house, place.means.commands
        house.warm(always=True)
        engine = house.open_engine()

        def work(task: int) -> object:
            entry = self._entries[task]
            read_from(entry.program, self._folder / "work")
            command = commands.find(COMMANDS_BY_TIER[entry.tier])
            request = Request(command, command.parse(entry.program.words), house.identity)
            end = engine.submit(request)
            if end.outcome is None:
                raise CannotStart(f"{entry.name}: {end.error}")
            return [end.outcome.code, end.outcome.cause]

        return work

    def _bare(self) -> Work:
        library = self.place().library(self._packages) if self._packages else None

        def work(task: int) -> object:
            program = self._entries[task % len(self._entries)].program
            return run_bare(program, self._folder / "work", library)

        return work

    def _player(self) -> Work:
        means = self.place().means
        source = means.open_ledger()
        runs = _runs(means)
        means.expect_many()

        def work(task: int) -> object:
            objects = OverlayObjects(MemoryObjects(), source.objects)
            workshop = Workshop(means.commands, means.pure(objects), means.equipment, objects)
            found = replay_run(runs[task % len(runs)], workshop)
            told = found.divergence
            return [found.verdict, told and f"{told.what}: {told.expected} became {told.got}"]

        return work


def _runs(means: Means) -> list[RecordedRun]:
    return list(runs_of(means.open_ledger(), means.folds))


def _events(run: RecordedRun, objects: ObjectStore) -> int:
    facts = run.ended.attributes.get("events")
    riding = len(facts) if isinstance(facts, list) else 0
    return RECORDS_OF_A_RUN + riding + _questions(trace_of(run, objects))


def _questions(steps: Sequence[Step]) -> int:
    return sum(1 + _questions(step.nested) for step in steps)


def _summary(
    effect: RunBenchmark,
    jobs: int,
    image: bytes,
    rows: tuple[Row, ...],
    replays: _Replays,
    evidence: Json,
) -> Benchmark:
    early, late = memory(replays.done)
    times = [each.duration_ns for each in replays.done]
    records = [row.record_ns for row in rows]
    return Benchmark(
        suite=effect.suite,
        count=effect.count,
        jobs=jobs,
        image=image,
        replays=len(replays.done),
        agreeing=sum(row.agreeing for row in rows),
        events=sum(row.events * row.replays for row in rows),
        record_median_ns=median(records),
        record_p95_ns=p95(records),
        replay_median_ns=median(times),
        replay_p95_ns=p95(times),
        replay_wall_ns=replays.wall_ns,
        bare_median_ns=median([row.bare_median_ns for row in rows]),
        memory_early_bytes=early,
        memory_late_bytes=late,
        evidence=evidence,
        rows=rows,
    )
