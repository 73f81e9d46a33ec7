"""``doctor``: what this machine can give, and the remedy for each lack; with ``--probe``, attacks.

A probe runs the attack programs that come with the shell, each in a sandbox of its own under the
manifest in force. An attack that could not be judged counts as a lack: it was not seen to be held.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ledger import Json
from os2shell.executors.machine import Check, ProbeMachine
from os2shell.executors.probes.attack import Attacked, Verdict
from os2shell.executors.probes.escapes import ProbeEscapes
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome, Recording
from os2shell.model.errors import UsageError
from os2shell.model.plain import all_from_json, to_json
from os2shell.model.shown import jsonable

USAGE = "doctor [--probe] [--json]"


@dataclass(frozen=True, slots=True)
class Args:
    """What to try, and the form of the answer."""

    json: bool = False
    probe: bool = False


def parse(words: Sequence[str]) -> Args:
    """Read ``[--probe] [--json]``."""
    args = Args()
    for word in words:
        if word not in {"--probe", "--json"}:
            raise UsageError(f"doctor {' '.join(words)}", expected=USAGE)
        args = replace(args, **{word.removeprefix("--"): True})
    return args


def run(args: Args, context: Context) -> Outcome:
    """Look, and tell; exit 0 when nothing is lacking, 1 otherwise."""
    if args.probe:
        return _probe(args, context)
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


def _probe(args: Args, context: Context) -> Outcome:
    """Attack, and tell; exit 0 when every attack was held, 1 otherwise."""
    attacked = all_from_json(Attacked, context.perform(ProbeEscapes()))
    good = all(each.verdict == Verdict.HELD for each in attacked)
    if args.json:
        rows: list[Json] = [to_json(each) for each in attacked]
        body: dict[str, Json] = {"schema": "os2.doctor-probe/1", "ok": good, "programs": rows}
        return Outcome(json.dumps(jsonable(body), indent=2), code=0 if good else 1)
    lines: list[str] = []
    for kind, group in groupby(attacked, key=lambda each: each.kind):
        lines += _class_lines(kind, tuple(group))
    held = sum(each.verdict == Verdict.HELD for each in attacked)
    lines.append(f"{held} of {len(attacked)} attacks held")
    return Outcome("\n".join(lines), code=0 if good else 1)


def _class_lines(kind: str, attacked: Sequence[Attacked]) -> list[str]:
    """One line for the class, and two for each attack in it that was not held."""
    others = [each for each in attacked if each.verdict != Verdict.HELD]
    layers = dict.fromkeys(layer for each in attacked for layer in each.held_by)
    by = f"  {', '.join(layers)}" if layers else ""
    mark = "LACK" if others else "ok  "
    lines = [f"{mark}  {kind:<12}{len(attacked) - len(others):>3} of {len(attacked):<3} held{by}"]
    for each in others:
        lines.append(f"      {each.verdict}: {each.name}: {each.attack}")
        lines.append(f"      {'':{len(each.verdict)}}  {each.told}")
    return lines


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
