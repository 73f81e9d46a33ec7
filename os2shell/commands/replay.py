"""``replay``: one session again, ending at the first divergence and explaining it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from ledger import Json
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome, Recording
from os2shell.model.errors import NothingToVerify, UsageError
from os2shell.model.plain import ADDED, all_from_json, to_json
from os2shell.model.shown import jsonable
from os2shell.replay.report import run_body, run_text
from os2shell.replay.verdict import RunVerdict
from os2shell.replay.verify_runs import VerifyRuns

USAGE = "replay SESSION|last [--diff] [--json]"
FLAGS = frozenset({"--diff", "--json"})


@dataclass(frozen=True, slots=True)
class Args:
    """Which session; ``diff`` explains a divergence, ``json`` answers for programs."""

    session: str
    diff: bool
    json: bool = field(default=False, metadata=ADDED)


@dataclass(frozen=True, slots=True)
class SessionReplayed:
    """A session was replayed: how many of its runs, and whether all were identical."""

    kind: ClassVar[str] = "session_replayed"
    session: str
    runs: int
    identical: bool

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


def parse(words: Sequence[str]) -> Args:
    """Read the session and the flags, in any order."""
    match [word for word in words if word not in FLAGS]:
        case [session] if not session.startswith("-"):
            return Args(session, "--diff" in words, "--json" in words)
        case _:
            raise UsageError(f"replay {' '.join(words)}", expected=USAGE)


def run(args: Args, context: Context) -> Outcome:
    """Replay until the first run that is not identical."""
    effect = VerifyRuns(session=args.session, stop_early=True)
    runs = all_from_json(RunVerdict, context.perform(effect))
    if not runs:
        raise NothingToVerify(f"session {args.session} ran no Python")
    good = all(run.holds for run in runs)
    event = SessionReplayed(runs[0].session, len(runs), good)
    if args.json:
        text = json.dumps(jsonable(_body(runs, good=good)), indent=2)
        return Outcome(text, code=0 if good else 1, events=(event,))
    last = "identical" if good else "not identical; the rest was not performed"
    lines = [run_text(run, explain=args.diff) for run in runs]
    lines.append(f"{len(runs)} replayed: {last}")
    notes = () if good or args.diff else ("--diff explains the divergence",)
    return Outcome("\n".join(lines), notes=notes, code=0 if good else 1, events=(event,))


def _body(runs: Sequence[RunVerdict], *, good: bool) -> dict[str, Json]:
    """Everything there is to tell; a divergence is explained with or without ``--diff``."""
    return {
        "schema": "os2.replay/1",
        "session": runs[0].session,
        "status": "ok" if good else "diverged",
        "runs": [run_body(run) for run in runs],
    }


COMMAND = Command(
    name="replay",
    summary="perform one session again, up to the first divergence",
    usage=USAGE,
    arguments=Args,
    needs=frozenset({Capability.LEDGER_READ, Capability.PROCESS_SPAWN}),
    emits=(SessionReplayed,),
    parse=parse,
    run=run,
    recording=Recording.AUDIT,
)
