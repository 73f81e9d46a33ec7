"""``use-env``: which environment runs have from now on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome
from os2shell.model.errors import UsageError
from os2shell.subsystems.environments.events import EnvironmentSelected
from os2shell.subsystems.python_vm.environments import ENVIRONMENTS

USAGE: Final = "use-env (NAME | --none)"


@dataclass(frozen=True, slots=True)
class Args:
    """``name`` is empty for none."""

    name: str


def parse(words: Sequence[str]) -> Args:
    """Read the name."""
    match list(words):
        case ["--none"]:
            return Args("")
        case [name] if name and not name.startswith("-"):
            return Args(name)
        case _:
            raise UsageError(f"use-env {' '.join(words)}", expected=USAGE)


def run(args: Args, context: Context) -> Outcome:
    """Record the choice."""
    found = context.view(ENVIRONMENTS)
    if args.name and args.name not in found.named:
        raise UsageError(
            f"no environment {args.name!r}",
            expected="one of " + (", ".join(found.named) or "none yet"),
            remedy=f"`os2 create-env {args.name}` makes it",
        )
    told = f"runs have environment {args.name}" if args.name else "runs have no environment"
    return Outcome(notes=(told,), events=(EnvironmentSelected(args.name),))


COMMAND = Command(
    name="use-env",
    summary="choose the environment that runs have",
    usage=USAGE,
    arguments=Args,
    needs=frozenset({Capability.PROCESS_SPAWN}),
    emits=(EnvironmentSelected,),
    parse=parse,
    run=run,
)
