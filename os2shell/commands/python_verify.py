"""``python-verify``: check the ledger, perform recorded runs again, compare. CI's command."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ledger import Json
from os2shell.executors.audit import Audit, AuditLedger
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome, Recording
from os2shell.model.errors import UsageError
from os2shell.model.numbers import whole_number
from os2shell.model.plain import all_from_json, from_json, to_json
from os2shell.model.shown import jsonable
from os2shell.replay.refold import Refold, Refolded
from os2shell.replay.report import (
    EXIT,
    counts_of,
    report_body,
    run_text,
    status_of,
    summary_text,
)
from os2shell.replay.verdict import RunVerdict
from os2shell.replay.verify_runs import VerifyRuns

USAGE = "python-verify [--json] [--limit N] [--session S] [--bundle FILE] [--against workspace]"


@dataclass(frozen=True, slots=True)
class Args:
    """Which runs, from where, and in which form to answer."""

    json: bool = False
    limit: int | None = None
    session: str | None = None
    bundle: str | None = None
    against_workspace: bool = False


@dataclass(frozen=True, slots=True)
class ReplayVerified:
    """A verification was made: its status and its counts by verdict."""

    kind: ClassVar[str] = "python_vm_replay_verified"
    status: str
    size: int
    counts: Json

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


def parse(words: Sequence[str]) -> Args:
    """Read the options."""
    args = Args()
    rest = list(words)
    while rest:
        flag = rest.pop(0)
        if flag == "--json":
            args = replace(args, json=True)
            continue
        if flag not in {"--limit", "--session", "--bundle", "--against"}:
            raise UsageError(f"unknown option {flag}", remedy=USAGE)
        if not rest:
            raise UsageError(f"{flag} needs a value", remedy=USAGE)
        args = _set(args, flag, rest.pop(0))
    if args.bundle and args.against_workspace:
        raise UsageError("--bundle together with --against", expected="one of the two")
    return args


def run(args: Args, context: Context) -> Outcome:
    """Verify, replay, report."""
    audit = _audit(args, context)
    runs: tuple[RunVerdict, ...] = ()
    if audit.status == "ok":
        effect = VerifyRuns(
            limit=args.limit,
            session=args.session,
            bundle=args.bundle,
            against_workspace=args.against_workspace,
        )
        runs = all_from_json(RunVerdict, context.perform(effect))
    status = status_of(audit, runs)
    event = ReplayVerified(status, audit.size, counts_of(runs))
    if args.json:
        text = json.dumps(jsonable(report_body(audit, runs)), indent=2)
    else:
        text = _text(audit, runs)
    return Outcome(text, code=EXIT[status], events=(event,))


def _audit(args: Args, context: Context) -> Audit:
    """Chain and signatures first; then whether the folds reach the recorded states."""
    audit = from_json(Audit, context.perform(AuditLedger(args.bundle, objects=False)))
    if audit.status != "ok" or args.bundle:
        return audit
    refolded = from_json(Refolded, context.perform(Refold()))
    if refolded.bad_seq is None:
        return audit
    reason = "this state image is not what folding the records before it gives"
    return replace(audit, status="broken", bad_seq=refolded.bad_seq, bad_reason=reason)


def _text(audit: Audit, runs: Sequence[RunVerdict]) -> str:
    if audit.bad_reason is not None:
        first = f"ledger {audit.status}  {audit.bad_text()}"
    else:
        trust = "" if audit.trusted else ", by its own claim"
        first = f"ledger {audit.status}  {audit.size} records, signed{trust}"
    gone = [f"  unreadable   {audit.pruned_text()}; no run in them can be verified any more"]
    lines = [first, *(gone if audit.first else ()), *(run_text(run) for run in runs)]
    return "\n".join([*lines, summary_text(audit, runs)])


def _set(args: Args, flag: str, value: str) -> Args:
    match flag:
        case "--limit":
            return replace(args, limit=whole_number("--limit", value, least=1))
        case "--session":
            return replace(args, session=value)
        case "--bundle":
            return replace(args, bundle=value)
        case _:
            if value != "workspace":
                raise UsageError(f"--against {value!r}", expected="workspace")
            return replace(args, against_workspace=True)


COMMAND = Command(
    name="python-verify",
    summary="verify the ledger, then perform recorded runs again and compare",
    usage=USAGE,
    arguments=Args,
    needs=frozenset({Capability.LEDGER_READ, Capability.PROCESS_SPAWN}),
    emits=(ReplayVerified,),
    parse=parse,
    run=run,
    recording=Recording.AUDIT,
)
