"""``ledger``: read, search, follow, check the record. Looking appends nothing (decision 0003)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from ledger import Json
from os2shell.executors.audit import Audit, AuditLedger
from os2shell.executors.history import RECORD_SCHEMA, ListHistory, ReadHistory, RecordView
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome, Recording
from os2shell.model.errors import UsageError
from os2shell.model.numbers import whole_number
from os2shell.model.plain import all_from_json, from_json, to_json
from os2shell.model.selection import EVERYTHING, Selection, query_of
from os2shell.model.shown import jsonable

USAGE: Final = (
    "ledger log [WHICH] [--limit N | --all] [--reverse] | grep TEXT [WHICH] [--limit N] | "
    "tail [-f] [-n N] [WHICH] | show SEQ | verify, each with [--json]; WHICH is any of --kind K, "
    "--actor A, --session S, --token T, --node N (each may be repeated, * stands for anything), "
    "--since T, --until T (2h, 3d, or ISO 8601), --start SEQ, --stop SEQ, --text TEXT, --scan "
    "(ask no index)"
)
LOG_LIMIT: Final = 50
TAIL_LIMIT: Final = 10
EXIT: Final = {"ok": 0, "broken": 1, "unreadable": 4, "empty": 5}
NOTHING: Final = 5
NAMED: Final = frozenset({"--kind", "--actor", "--session", "--token", "--node"})
WORDED: Final = frozenset({"--since", "--until", "--text"})
NUMBERED: Final = frozenset({"--start", "--stop", "--limit", "-n"})
FLAGS: Final = frozenset({"--json", "--all", "--reverse", "--scan", "-f", "--follow"})
ONLY: Final = {
    "--all": "log",
    "--limit": "log grep",
    "--reverse": "log grep",
    "--scan": "log grep",
    "-n": "tail",
    "-f": "tail",
    "--follow": "tail",
}
"""Options that belong to some verbs only."""


@dataclass(frozen=True, slots=True)
class Args:
    """What to look at: ``verb`` is log, grep, tail, show or verify."""

    verb: str
    seq: int | None = None
    selection: Selection = EVERYTHING
    follow: bool = False
    json: bool = False


def parse(words: Sequence[str]) -> Args:
    """Read the verb and its options."""
    match list(words):
        case ["verify" | "show" as verb, *rest]:
            return _plain(verb, [word for word in rest if word != "--json"], len(rest))
        case ["log" | "grep" | "tail" as verb, *rest]:
            return _listing(verb, rest)
        case _:
            raise UsageError(f"ledger {' '.join(words)}", expected=USAGE)


def run(args: Args, context: Context) -> Outcome:
    """Look, and print."""
    match args.verb:
        case "verify":
            return _verify(args, context)
        case "show":
            return _show(args, context)
        case "log" | "grep" if args.json:
            return _document(args, context)
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
    if found.first:
        lines.append(f"pruned  {found.pruned_text()}")
    return "\n".join(lines)


def _show(args: Args, context: Context) -> Outcome:
    assert args.seq is not None
    records = _records(context, Selection(start=args.seq, stop=args.seq + 1))
    if not records:
        raise UsageError(f"no record {args.seq}", remedy="`os2 ledger log` lists the newest")
    body = to_json(records[0])
    extra: dict[str, Json] = (
        {"schema": RECORD_SCHEMA} if args.json else {"at": _instant(records[0].hlc)}
    )
    return Outcome(json.dumps(jsonable({**extra, **body}), indent=2))


def _document(args: Args, context: Context) -> Outcome:
    rows: list[Json] = [to_json(record) for record in _records(context, args.selection)]
    body: Json = {"schema": "os2.ledger-log/1", "records": rows}
    return Outcome(json.dumps(jsonable(body), indent=2), code=_code(args, len(rows)))


def _list(args: Args, context: Context) -> Outcome:
    shown = context.perform(ListHistory(args.selection, args.follow, args.json))
    assert isinstance(shown, int)
    notes = () if shown or args.follow or args.json else ("no such record",)
    return Outcome(notes=notes, code=_code(args, shown))


def _code(args: Args, found: int) -> int:
    return NOTHING if args.verb == "grep" and not found else 0


def _records(context: Context, selection: Selection) -> tuple[RecordView, ...]:
    return all_from_json(RecordView, context.perform(ReadHistory(selection)))


def _instant(hlc: int) -> str:
    seconds, milliseconds = divmod(hlc >> 16, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{milliseconds:03d}Z"


def _plain(verb: str, rest: Sequence[str], given: int) -> Args:
    as_json = len(rest) < given
    if verb == "verify" and not rest:
        return Args("verify", json=as_json)
    if verb == "show" and len(rest) == 1:
        return Args("show", seq=whole_number("SEQ", rest[0]), json=as_json)
    raise UsageError(f"ledger {verb} {' '.join(rest)}", expected=USAGE)


def _listing(verb: str, words: list[str]) -> Args:
    texts, options, flags = _options(verb, words)
    selection = _selected(options)
    if verb == "grep":
        if len(texts) != 1 or selection.text is not None:
            raise UsageError(
                f"ledger grep with {len(texts)} texts", expected="one TEXT to look for"
            )
        selection = replace(selection, text=texts[0])
    elif texts:
        raise UsageError(f"ledger {verb}: {texts[0]}", expected=USAGE)
    if "--all" in flags and selection.limit is not None:
        raise UsageError("ledger log --limit with --all", expected="one of them")
    if selection.limit is None and verb != "grep" and "--all" not in flags:
        selection = replace(selection, limit=LOG_LIMIT if verb == "log" else TAIL_LIMIT)
    selection = replace(selection, reverse="--reverse" in flags, scan="--scan" in flags)
    query_of(selection, 0)  # refuses times and texts that mean nothing, before anybody is asked
    return Args(
        verb,
        selection=selection,
        follow=bool(flags & {"-f", "--follow"}),
        json="--json" in flags,
    )


def _options(
    verb: str, words: Sequence[str]
) -> tuple[list[str], list[tuple[str, str]], frozenset[str]]:
    """The words that are no options, options with their values, and flags."""
    texts: list[str] = []
    options: list[tuple[str, str]] = []
    flags: set[str] = set()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return texts + rest, options, frozenset(flags)
        if not word.startswith("-") or word == "-":
            texts.append(word)
            continue
        if verb not in ONLY.get(word, verb):
            raise UsageError(f"ledger {verb}: {word}", expected=f"it with {ONLY[word]}")
        if word in FLAGS:
            flags.add(word)
        elif word in NAMED | WORDED | NUMBERED and rest:
            options.append((word, rest.pop(0)))
        else:
            raise UsageError(f"ledger {verb}: {word}", expected=USAGE)
    return texts, options, frozenset(flags)


def _selected(options: Sequence[tuple[str, str]]) -> Selection:
    names: dict[str, tuple[str, ...]] = {}
    given: dict[str, str] = {}
    numbers: dict[str, int] = {}
    for word, value in options:
        if word in NAMED:
            names[word] = (*names.get(word, ()), value)
        elif word in WORDED:
            given[word] = value
        else:
            numbers["--limit" if word == "-n" else word] = whole_number(word, value)
    return Selection(
        kinds=names.get("--kind", ()),
        actors=names.get("--actor", ()),
        sessions=names.get("--session", ()),
        tokens=names.get("--token", ()),
        nodes=names.get("--node", ()),
        since=given.get("--since"),
        until=given.get("--until"),
        text=given.get("--text"),
        start=numbers.get("--start", 0),
        stop=numbers.get("--stop"),
        limit=numbers.get("--limit"),
    )


COMMAND = Command(
    name="ledger",
    summary="read, search, follow and verify the ledger",
    usage=USAGE,
    arguments=Args,
    needs=frozenset({Capability.LEDGER_READ}),
    parse=parse,
    run=run,
    recording=Recording.LOOK,
)
