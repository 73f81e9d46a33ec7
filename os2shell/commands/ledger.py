"""``ledger``: read and check the record. Looking appends nothing; see decision 0003."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ledger import Json
from os2shell.executors.audit import Audit, AuditLedger
from os2shell.executors.history import ReadHistory, RecordView
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome, Recording
from os2shell.model.errors import UsageError
from os2shell.model.numbers import whole_number
from os2shell.model.plain import all_from_json, from_json, to_json
from os2shell.model.shown import jsonable, one_line

USAGE = "ledger log [--limit N] [--session S] [--kind K] | show SEQ | verify, each with [--json]"
DEFAULT_LIMIT = 50
SUMMARY_CHARACTERS = 100
EXIT = {"ok": 0, "broken": 1, "unreadable": 4, "empty": 5}


@dataclass(frozen=True, slots=True)
class Args:
    """What to look at: ``verb`` is log, show or verify."""

    verb: str
    seq: int | None = None
    limit: int = DEFAULT_LIMIT
    session: str | None = None
    kind: str | None = None
    json: bool = False


def parse(words: Sequence[str]) -> Args:
    """Read the verb and its options."""
    rest = [word for word in words if word != "--json"]
    as_json = len(rest) < len(words)
    match rest:
        case ["verify"]:
            return Args("verify", json=as_json)
        case ["show", seq]:
            return Args("show", seq=whole_number("SEQ", seq), json=as_json)
        case ["log", *options]:
            return _log(options, as_json=as_json)
        case _:
            raise UsageError(f"ledger {' '.join(words)}", expected=USAGE)


def run(args: Args, context: Context) -> Outcome:
    """Look, and print."""
    match args.verb:
        case "verify":
            return _verify(args, context)
        case "show":
            return _show(args, context)
        case _:
            return _list(args, context)


def _verify(args: Args, context: Context) -> Outcome:
    found = from_json(Audit, context.perform(AuditLedger()))
    code = EXIT[found.status]
    if args.json:
        body: dict[str, Json] = {
            "schema": "os2.ledger-verify/1",
            "status": found.status,
            **found.shown(),
        }
        return Outcome(json.dumps(jsonable(body), indent=2), code=code)
    return Outcome(verification_text(found), code=code)


def verification_text(found: Audit) -> str:
    """A verification in lines for people."""
    lines = [f"status  {found.status}", f"size    {found.size} records"]
    if found.root:
        lines.append(f"root    {found.root.hex()}")
    if found.signer:
        trust = "" if found.trusted else "  (its own claim: no key of yours says so)"
        lines.append(f"signer  {found.signer}{trust}")
    if found.bad_reason is not None:
        lines.append(f"bad     {found.bad_text()}")
    return "\n".join(lines)


def _show(args: Args, context: Context) -> Outcome:
    assert args.seq is not None
    records = _records(context, ReadHistory(start=args.seq, stop=args.seq + 1))
    if not records:
        raise UsageError(f"no record {args.seq}", remedy="`os2 ledger log` lists the newest")
    body = to_json(records[0])
    extra: dict[str, Json] = (
        {"schema": "os2.ledger-record/1"} if args.json else {"at": _instant(records[0])}
    )
    return Outcome(json.dumps(jsonable({**extra, **body}), indent=2))


def _list(args: Args, context: Context) -> Outcome:
    effect = ReadHistory(newest=args.limit, session=args.session, of_kind=args.kind)
    records = _records(context, effect)
    if args.json:
        rows: list[Json] = [to_json(record) for record in records]
        body: Json = {"schema": "os2.ledger-log/1", "records": rows}
        return Outcome(json.dumps(jsonable(body), indent=2))
    return Outcome("\n".join(_line(record) for record in records) or "no such record")


def _records(context: Context, effect: ReadHistory) -> tuple[RecordView, ...]:
    return all_from_json(RecordView, context.perform(effect))


def _line(record: RecordView) -> str:
    about = one_line(_essence(record))[:SUMMARY_CHARACTERS]
    return (
        f"{record.seq:>7}  {_instant(record)}  {one_line(record.session or '-'):<6}  "
        f"{one_line(record.actor or '-'):<10}  {one_line(record.kind):<20}  {about}"
    )


def _essence(record: RecordView) -> Json:
    """The attributes that tell most, where the kind is known; else all of them."""
    match record.attributes:
        case {"command": str(command), "arguments": dict(arguments), "rule": rule}:
            return {"command": command, "rule": rule, **_given(arguments)}
        case {"command": str(command), "arguments": dict(arguments)}:
            return {"command": command, **_given(arguments)}
        case {"admitted": admitted, "code": code, "cause": cause}:
            return {"of": admitted, "code": code, "cause": cause}
        case {"name": str(name), "grants": dict(grants), "restricted_imports": _}:
            return {"name": name, "tokens": list(grants)}
        case other:
            return other


def _given(arguments: dict[str, Json]) -> dict[str, Json]:
    """The arguments that say something."""
    return {name: value for name, value in arguments.items() if value not in (None, False, [])}


def _instant(record: RecordView) -> str:
    seconds, milliseconds = divmod(record.hlc >> 16, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{milliseconds:03d}Z"


def _log(options: Sequence[str], *, as_json: bool) -> Args:
    values: dict[str, str] = {}
    rest = list(options)
    while rest:
        flag = rest.pop(0)
        if flag not in {"--limit", "--session", "--kind"} or not rest:
            raise UsageError(f"ledger log: {flag}", expected="--limit N, --session S or --kind K")
        values[flag] = rest.pop(0)
    return Args(
        "log",
        limit=whole_number("--limit", values.get("--limit", str(DEFAULT_LIMIT))),
        session=values.get("--session"),
        kind=values.get("--kind"),
        json=as_json,
    )


COMMAND = Command(
    name="ledger",
    summary="read and verify the ledger",
    usage=USAGE,
    arguments=Args,
    needs=frozenset({Capability.LEDGER_READ}),
    parse=parse,
    run=run,
    recording=Recording.LOOK,
)
