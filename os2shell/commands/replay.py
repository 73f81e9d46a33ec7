"""``replay``: one session again, ending at the first divergence and explaining it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ledger import Json
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome, Recording
from os2shell.model.errors import NothingToVerify, UsageError
from os2shell.model.plain import all_from_json, to_json
from os2shell.replay.report import run_text
from os2shell.replay.verdict import RunVerdict
from os2shell.replay.verify_runs import VerifyRuns

USAGE = "replay SESSION|last [--diff]"


@dataclass(frozen=True, slots=True)
class Args:
    """Which session; ``diff`` explains a divergence."""

    session: str
    diff: bool


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
    """Read ``SESSION [--diff]`` in either order."""
    match [word for word in words if word != "--diff"]:
        case [session] if not session.startswith("-"):
            return Args(session, "--diff" in words)
        case _:
            raise UsageError(f"replay {' '.join(words)}", expected=USAGE)


def run(args: Args, context: Context) -> Outcome:
    """Replay until the first run that is not identical."""
    effect = VerifyRuns(session=args.session, stop_early=True)
    runs = all_from_json(RunVerdict, context.perform(effect))
    if not runs:
        raise NothingToVerify(f"session {args.session} ran no Python")
    good = all(run.holds for run in runs)
    last = "identical" if good else "not identical; the rest was not performed"
    lines = [run_text(run, explain=args.diff) for run in runs]
    lines.append(f"{len(runs)} replayed: {last}")
    event = SessionReplayed(runs[0].session, len(runs), good)
    notes = () if good or args.diff else ("--diff explains the divergence",)
    return Outcome("\n".join(lines), notes=notes, code=0 if good else 1, events=(event,))


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
