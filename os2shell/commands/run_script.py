"""``run-script``: a file of commands, one a line, as a person or a CI job would type them."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from os2shell.executors.files import ReadFile
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome
from os2shell.model.errors import UsageError

USAGE = "run-script FILE [--keep-going]"


@dataclass(frozen=True, slots=True)
class Args:
    """The file, and whether a failing command ends the script."""

    file: str
    keep_going: bool


def parse(words: Sequence[str]) -> Args:
    """Read ``FILE [--keep-going]`` in either order."""
    names = [word for word in words if word != "--keep-going"]
    if len(names) != 1 or names[0].startswith("-"):
        raise UsageError(f"run-script {shlex.join(words)}", expected="one file", remedy=USAGE)
    return Args(names[0], "--keep-going" in words)


def run(args: Args, context: Context) -> Outcome:
    """Propose every line of the file; each is admitted and recorded for itself."""
    content = context.perform(ReadFile(args.file))
    assert isinstance(content, bytes)
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"{args.file} is not UTF-8 at byte {error.start}") from None
    follow = tuple(_words(args.file, number, line) for number, line in enumerate(lines, 1))
    return Outcome(follow=tuple(words for words in follow if words), keep_going=args.keep_going)


def _words(file: str, number: int, line: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(line, comments=True))
    except ValueError as error:
        raise UsageError(
            f"{file}:{number}: {error}", expected="words as a shell splits them"
        ) from None
    if words[:1] == ("run-script",):
        raise UsageError(f"{file}:{number}: a script does not run scripts")
    return words


COMMAND = Command(
    name="run-script",
    summary="run a file of commands, stopping at the first that fails",
    usage=USAGE,
    arguments=Args,
    needs=frozenset({Capability.FS_READ}),
    parse=parse,
    run=run,
)
