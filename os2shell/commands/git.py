"""``git``: run git in the sandbox, its network through the broker, recorded and replayable."""

from collections.abc import Sequence
from dataclasses import dataclass

from os2shell.model.command import Command, Context, Outcome
from os2shell.model.guest import EntryKind
from os2shell.subsystems.git.events import EVENTS
from os2shell.subsystems.git.run import MAY, NEEDS, run_git
from os2shell.subsystems.git.words import USAGE, read_words

NAME = "git"


@dataclass(frozen=True, slots=True)
class Args:
    """Git's own words, and where they say that the repository lies: a run, as a budget sees it."""

    entry: EntryKind
    target: str
    arguments: tuple[str, ...]


def parse(words: Sequence[str]) -> Args:
    """Refuse what is refused before anything is recorded: it may hold a secret."""
    found = read_words(words)
    return Args(EntryKind.GIT, found.folder, found.arguments)


def run(args: Args, context: Context) -> Outcome:
    """Run it."""
    return run_git(args.arguments, context)


COMMAND = Command(
    name=NAME,
    summary="run git in the sandbox; its network goes through the broker",
    usage=USAGE,
    arguments=Args,
    needs=NEEDS,
    may=MAY,
    emits=EVENTS,
    parse=parse,
    run=run,
)
