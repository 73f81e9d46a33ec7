"""``help``: what there is, from the definitions themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

from os2shell.commands import COMMANDS
from os2shell.model.command import AnyCommand, Command, Context, Outcome, Recording
from os2shell.model.errors import UsageError


@dataclass(frozen=True, slots=True)
class Args:
    """Which command, or None for the list."""

    command: str | None


def parse(words: Sequence[str]) -> Args:
    """Read ``[COMMAND]``."""
    match words:
        case []:
            return Args(None)
        case [name]:
            return Args(name)
        case _:
            raise UsageError(f"{len(words)} words after help", expected="at most one command")


def run(args: Args, _context: Context) -> Outcome:
    """List all, or explain one."""
    if args.command is None:
        return Outcome(_overview(list(COMMANDS)))
    return Outcome(_details(COMMANDS.find(args.command)))


def _overview(commands: Sequence[AnyCommand]) -> str:
    width = max(len(found.name) for found in commands)
    lines = [
        "usage: os2 [--actor NAME] [--manifest NAME|FILE] [-C FOLDER] [COMMAND …]",
        "Without a command, os2 opens the shell in this folder.",
        "",
    ]
    lines += [f"  {found.name:<{width}}  {found.summary}" for found in commands]
    return "\n".join([*lines, "", "`os2 help COMMAND` explains one of them."])


def _details(found: AnyCommand) -> str:
    powers = ", ".join(sorted(found.needs)) or "nothing"
    extra = ", ".join(sorted(found.may))
    lines = [
        f"{found.name} — {found.summary}",
        "",
        f"  usage    os2 {found.usage}",
        f"  needs    {powers}" + (f"; where held also {extra}" if extra else ""),
        f"  records  {_records(found)}",
    ]
    return "\n".join(lines)


def _records(found: AnyCommand) -> str:
    if found.recording is Recording.LOOK:
        return "nothing: it only looks"
    kinds = ["command.admitted", "command.finished", *(event.kind for event in found.emits)]
    return ", ".join(kinds)


COMMAND = Command(
    name="help",
    summary="list the commands, or explain one",
    usage="help [COMMAND]",
    arguments=Args,
    needs=frozenset(),
    parse=parse,
    run=run,
    recording=Recording.LOOK,
)
