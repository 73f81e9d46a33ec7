"""``doctor``: what this machine can give, and the remedy for each lack."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ledger import Json
from os2shell.executors.machine import Check, ProbeMachine
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome, Recording
from os2shell.model.errors import UsageError
from os2shell.model.plain import all_from_json, to_json
from os2shell.model.shown import jsonable

USAGE = "doctor [--json]"


@dataclass(frozen=True, slots=True)
class Args:
    """The form of the answer."""

    json: bool


def parse(words: Sequence[str]) -> Args:
    """Read ``[--json]``."""
    match list(words):
        case []:
            return Args(json=False)
        case ["--json"]:
            return Args(json=True)
        case _:
            raise UsageError(f"doctor {' '.join(words)}", expected=USAGE)


def run(args: Args, context: Context) -> Outcome:
    """Probe, and tell; exit 0 when nothing is lacking, 1 otherwise."""
    checks = all_from_json(Check, context.perform(ProbeMachine()))
    good = all(check.ok for check in checks)
    if args.json:
        rows: list[Json] = [{**to_json(check), "ok": check.ok} for check in checks]
        body: dict[str, Json] = {"schema": "os2.doctor/1", "ok": good, "checks": rows}
        return Outcome(json.dumps(jsonable(body), indent=2), code=0 if good else 1)
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        mark = "ok  " if check.ok else "LACK"
        lines.append(f"{mark}  {check.name:<{width}}  {check.found}")
        if not check.ok:
            lines.append(f"      {'':<{width}}  remedy: {check.remedy}")
    return Outcome("\n".join(lines), code=0 if good else 1)


COMMAND = Command(
    name="doctor",
    summary="tell what this machine can give, and the remedy for each lack",
    usage=USAGE,
    arguments=Args,
    needs=frozenset({Capability.MACHINE_PROBE}),
    parse=parse,
    run=run,
    recording=Recording.LOOK,
)
