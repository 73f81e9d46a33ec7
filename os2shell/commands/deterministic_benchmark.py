"""``deterministic-benchmark run``: programs recorded once, replayed often, compared and timed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from ledger import Json
from os2shell.executors.suite import STANDARD, SUITES
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome
from os2shell.model.errors import UsageError
from os2shell.model.guest import Tier
from os2shell.model.numbers import whole_number
from os2shell.model.plain import from_json, to_json
from os2shell.model.shown import jsonable
from os2shell.replay.benchmark import Benchmark, RunBenchmark
from os2shell.replay.benchmark_report import body_of, text_of
from os2shell.subsystems.python_vm.environments import ENVIRONMENTS

USAGE: Final = (
    "deterministic-benchmark run [--count N] [--suite standard|small] [--tier native|restricted] "
    "[--jobs N] [--json] | status [--limit N] [--json]"
)
COUNT: Final = 20
COUNT_MOST: Final = 100_000
JOBS_MOST: Final = 256


@dataclass(frozen=True, slots=True)
class Args:
    """``tier`` None takes both; ``jobs`` None as many as there are processors."""

    count: int = COUNT
    suite: str = STANDARD
    tier: str | None = None
    jobs: int | None = None
    json: bool = False


@dataclass(frozen=True, slots=True)
class BenchmarkCompleted:
    """A benchmark was made: the whole result, and its ledger as evidence."""

    kind: ClassVar[str] = "deterministic_benchmark_completed"
    result: Benchmark

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self.result)


def parse(words: Sequence[str]) -> Args:
    """Read ``run`` and its options."""
    if list(words[:1]) != ["run"]:
        raise UsageError(f"deterministic-benchmark {' '.join(words)}", expected=USAGE)
    args = Args()
    rest = list(words[1:])
    while rest:
        flag = rest.pop(0)
        if flag == "--json":
            args = replace(args, json=True)
        elif flag not in {"--count", "--suite", "--tier", "--jobs"}:
            raise UsageError(f"deterministic-benchmark run: {flag}", expected=USAGE)
        elif not rest:
            raise UsageError(f"{flag} needs a value", remedy=USAGE)
        else:
            args = _set(args, flag, rest.pop(0))
    return args


def run(args: Args, context: Context) -> Outcome:
    """Benchmark, tell, and record; exit 0 when all agree."""
    packages = context.view(ENVIRONMENTS).packages
    effect = RunBenchmark(args.suite, args.tier, args.count, args.jobs, packages)
    result = from_json(Benchmark, context.perform(effect))
    text = json.dumps(jsonable(body_of(result)), indent=2) if args.json else text_of(result)
    return Outcome(text, code=0 if result.good else 1, events=(BenchmarkCompleted(result),))


def _set(args: Args, flag: str, value: str) -> Args:
    match flag:
        case "--count":
            return replace(args, count=whole_number(flag, value, least=1, most=COUNT_MOST))
        case "--jobs":
            return replace(args, jobs=whole_number(flag, value, least=1, most=JOBS_MOST))
        case "--suite":
            return replace(args, suite=_one_of(flag, value, SUITES))
        case _:
            return replace(args, tier=_one_of(flag, value, tuple(str(tier) for tier in Tier)))


def _one_of(flag: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise UsageError(f"{flag} {value!r}", expected=f"one of {', '.join(known)}")
    return value


COMMAND = Command(
    name="deterministic-benchmark",
    summary="record programs once, replay them many times, compare and time it",
    usage=USAGE,
    arguments=Args,
    needs=frozenset({Capability.PROCESS_SPAWN}),
    emits=(BenchmarkCompleted,),
    parse=parse,
    run=run,
)
