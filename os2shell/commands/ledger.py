"""``ledger``: read and check the record. Looking appends nothing; see decision 0003."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from ledger import Json
from os2shell.executors.audit import AuditLedger
from os2shell.executors.history import ReadHistory
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome, Recording
from os2shell.model.errors import UsageError
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
            return Args("show", seq=_number("SEQ", seq), json=as_json)
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
    found = cast("dict[str, Json]", context.perform(AuditLedger()))
    code = EXIT[str(found["status"])]
    if args.json:
        body = {"schema": "os2.ledger-verify/1", **found}
        return Outcome(json.dumps(jsonable(body), indent=2), code=code)
    return Outcome(verification_text(found), code=code)


def verification_text(found: dict[str, Json]) -> str:
    """A verification in lines for people."""
    lines = [f"status  {found['status']}", f"size    {found['size']} records"]
    if found["root"]:
        lines.append(f"root    {cast('bytes', found['root']).hex()}")
    if found["signer"]:
        trust = "" if found["trusted"] else "  (its own claim: no key of yours says so)"
        lines.append(f"signer  {found['signer']}{trust}")
    match found["first_bad"]:
        case {"seq": seq, "reason": str(reason)}:
            place = "" if seq is None else f"record {seq}: "
            lines.append(f"bad     {place}{reason}")
        case _:
            pass
    return "\n".join(lines)


def _show(args: Args, context: Context) -> Outcome:
    assert args.seq is not None
    records = _records(context, ReadHistory(start=args.seq, stop=args.seq + 1))
    if not records:
        raise UsageError(f"no record {args.seq}", remedy="`os2 ledger log` lists the newest")
    record = records[0]
    if args.json:
        body = {"schema": "os2.ledger-record/1", **record}
        return Outcome(json.dumps(jsonable(body), indent=2))
    return Outcome(json.dumps(jsonable({**record, "at": _instant(record)}), indent=2))


def _list(args: Args, context: Context) -> Outcome:
    effect = ReadHistory(newest=args.limit, session=args.session, of_kind=args.kind)
    records = _records(context, effect)
    if args.json:
        body: Json = {"schema": "os2.ledger-log/1", "records": cast("list[Json]", records)}
        return Outcome(json.dumps(jsonable(body), indent=2))
    return Outcome("\n".join(_line(record) for record in records) or "no such record")


def _records(context: Context, effect: ReadHistory) -> list[dict[str, Json]]:
    return cast("list[dict[str, Json]]", context.perform(effect))


def _line(record: dict[str, Json]) -> str:
    about = one_line(cast("Json", _essence(record)))[:SUMMARY_CHARACTERS]
    where = f"{record['session'] or '-'}"
    return (
        f"{record['seq']:>7}  {_instant(record)}  {where:<6}  "
        f"{record['actor'] or '-':<10}  {record['kind']:<20}  {about}"
    )


def _essence(record: dict[str, Json]) -> Json:
    """The attributes that tell most, where the kind is known; else all of them."""
    match record["attributes"]:
        case {"command": command, "arguments": arguments, **rest}:
            shown = {key: value for key, value in rest.items() if key in {"rule"}}
            return {"command": command, "arguments": arguments, **shown}
        case {"admitted": admitted, "code": code, "cause": cause}:
            return {"of": admitted, "code": code, "cause": cause}
        case other:
            return other


def _instant(record: dict[str, Json]) -> str:
    milliseconds = int(str(record["hlc"])) >> 16
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest:03d}Z"


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
        limit=_number("--limit", values.get("--limit", str(DEFAULT_LIMIT))),
        session=values.get("--session"),
        kind=values.get("--kind"),
        json=as_json,
    )


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"{name} {text!r}", expected="a whole number")
    return int(text)


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
