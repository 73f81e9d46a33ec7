"""``deterministic-benchmark status``: the last results, as the ledger has them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from ledger import Json
from os2shell.executors.history import ReadHistory, RecordView
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome, Recording
from os2shell.model.errors import NothingToVerify, UsageError
from os2shell.model.numbers import whole_number
from os2shell.model.plain import all_from_json, from_json
from os2shell.model.selection import Selection
from os2shell.model.shown import jsonable
from os2shell.replay.benchmark import Benchmark
from os2shell.replay.benchmark_report import body_of, line_of

USAGE: Final = "deterministic-benchmark status [--limit N] [--json]"
KIND: Final = "deterministic_benchmark_completed"
LIMIT: Final = 5


@dataclass(frozen=True, slots=True)
class Args:
    """How many of the newest, and in which form."""

    limit: int = LIMIT
    json: bool = False


def parse(words: Sequence[str]) -> Args:
    """Read the options."""
    args, rest = Args(), list(words)
    while rest:
        match rest:
            case ["--json", *rest]:
                args = replace(args, json=True)
            case ["--limit", number, *rest]:
                args = replace(args, limit=whole_number("--limit", number, least=1))
            case _:
                raise UsageError(f"status {' '.join(rest)}", expected=USAGE)
    return args


def run(args: Args, context: Context) -> Outcome:
    """Find them, newest last; exit 5 where there is none, 1 where the newest does not agree."""
    wanted = Selection(kinds=("command.finished",), text=KIND, limit=args.limit)
    records = all_from_json(RecordView, context.perform(ReadHistory(wanted)))
    found = [(record, result) for record in records for result in _results(record)]
    if not found:
        raise NothingToVerify(
            "no benchmark in the ledger", remedy="`os2 deterministic-benchmark run` makes one"
        )
    code = 0 if found[-1][1].good else 1
    if args.json:
        rows: list[Json] = [
            {"seq": record.seq, "at": _instant(record), "result": body_of(result)}
            for record, result in found
        ]
        body: Json = {"schema": "os2.deterministic-benchmark-status/1", "results": rows}
        return Outcome(json.dumps(jsonable(body), indent=2), code=code)
    lines = [f"{record.seq:>7}  {_instant(record)}  {line_of(each)}" for record, each in found]
    return Outcome("\n".join(lines), code=code)


def _results(record: RecordView) -> Iterator[Benchmark]:
    match record.attributes:
        case {"events": list(events)}:
            for event in events:
                match event:
                    case ["deterministic_benchmark_completed", body]:
                        yield from_json(Benchmark, body)
                    case _:
                        continue
        case _:
            return


def _instant(record: RecordView) -> str:
    return f"{datetime.fromtimestamp((record.hlc >> 16) / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


COMMAND = Command(
    name="deterministic-benchmark-status",
    summary="show the last results of the benchmark",
    usage=USAGE,
    arguments=Args,
    needs=frozenset({Capability.LEDGER_READ}),
    parse=parse,
    run=run,
    recording=Recording.LOOK,
)
