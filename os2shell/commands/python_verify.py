"""``python-verify``: check the ledger, then perform recorded runs again and compare. CI's command."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, cast

from ledger import Json
from os2shell.executors.audit import AuditLedger
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome, Recording
from os2shell.model.errors import UsageError
from os2shell.model.shown import jsonable
from os2shell.replay.report import EXIT, report_body, row_text, status_of, summary_text
from os2shell.replay.verify_runs import VerifyRuns

USAGE = (
    "python-verify [--json] [--limit N] [--session S] [--bundle FILE] [--against workspace]"
)


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
        return {"status": self.status, "size": self.size, "counts": self.counts}


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
    audit = cast("dict[str, Json]", context.perform(AuditLedger(args.bundle)))
    rows: list[dict[str, Json]] = []
    if audit["status"] == "ok":
        effect = VerifyRuns(
            limit=args.limit,
            session=args.session,
            bundle=args.bundle,
            against_workspace=args.against_workspace,
        )
        rows = cast("list[dict[str, Json]]", context.perform(effect))
    status = status_of(audit, rows)
    report = report_body(audit, rows)
    event = ReplayVerified(status, int(str(audit["size"])), report["counts"])
    text = json.dumps(jsonable(report), indent=2) if args.json else _text(audit, rows)
    return Outcome(text, code=EXIT[status], events=(event,))


def _text(audit: dict[str, Json], rows: Sequence[dict[str, Json]]) -> str:
    lines: list[str] = []
    match audit["first_bad"]:
        case {"seq": seq, "reason": str(reason)}:
            place = "" if seq is None else f"record {seq}: "
            lines.append(f"ledger broken  {place}{reason}")
        case _:
            trust = "" if audit["trusted"] else ", by its own claim"
            lines.append(f"ledger {audit['status']}  {audit['size']} records, signed{trust}")
    return "\n".join([*lines, *(row_text(row) for row in rows), summary_text(audit, rows)])


def _set(args: Args, flag: str, value: str) -> Args:
    match flag:
        case "--limit":
            if not value.isascii() or not value.isdigit() or int(value) == 0:
                raise UsageError(f"--limit {value!r}", expected="a whole number above 0")
            return replace(args, limit=int(value))
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
