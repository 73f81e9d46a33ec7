"""``create-env``: a new environment; empty, as another one is, or provisioned from a lock."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from os2shell.executors.machine import ReadPython
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome
from os2shell.model.errors import UsageError
from os2shell.model.guest import EntryKind
from os2shell.subsystems.environments.events import EVENTS as ENVIRONMENT_EVENTS
from os2shell.subsystems.environments.events import EnvironmentCreated
from os2shell.subsystems.environments.pip import change
from os2shell.subsystems.python_vm.environments import ENVIRONMENTS
from os2shell.subsystems.python_vm.events import EVENTS
from os2shell.subsystems.python_vm.options import RunOptions
from os2shell.subsystems.python_vm.run import MAY, NEEDS

USAGE: Final = "create-env NAME [--python V] [--from (ENVIRONMENT | LOCK)]"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_VERSION = re.compile(r"3\.[0-9]{1,2}(\.[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Args:
    """``python`` is the version it is for; ``source`` an environment or a lock in the workspace."""

    name: str
    python: str | None = None
    source: str | None = None


def parse(words: Sequence[str]) -> Args:
    """Read the name and the options."""
    args, rest = Args(""), list(words)
    while rest:
        word = rest.pop(0)
        if word == "--python" and rest and _VERSION.fullmatch(rest[0]):
            args = replace(args, python=rest.pop(0))
        elif word == "--from" and rest:
            args = replace(args, source=rest.pop(0))
        elif not args.name and _NAME.fullmatch(word):
            args = replace(args, name=word)
        else:
            expected = f"{USAGE}; a name has lower-case letters, digits, dots and dashes"
            raise UsageError(f"create-env: {word!r}", expected=expected)
    if not args.name:
        raise UsageError("create-env without a name", expected=USAGE)
    return args


def run(args: Args, context: Context) -> Outcome:
    """Make it; a lock is installed from, offline, once its wheels were fetched."""
    found = context.view(ENVIRONMENTS)
    if args.name in found.named:
        raise UsageError(
            f"an environment {args.name} exists",
            expected="a new name",
            remedy=f"`os2 use-env {args.name}` selects it",
        )
    _same_python(args.python, context)
    follow = f"environment {args.name} made; `os2 use-env {args.name}` selects it"
    if args.source is None:
        return Outcome(notes=(follow,), events=(EnvironmentCreated(args.name, None, None),))
    known = found.named.get(args.source)
    if known is not None:
        made = EnvironmentCreated(args.name, known.tree, known.lock)
        return Outcome(notes=(follow,), events=(made,))
    outcome = change(args.name, RunOptions(EntryKind.MODULE, "restore", (args.source,)), context)
    return replace(outcome, notes=(*outcome.notes, *(() if outcome.code else (follow,))))


def _same_python(wanted: str | None, context: Context) -> None:
    """Environments are of the interpreter that this shell runs with; refuse another by name."""
    if wanted is None:
        return
    here = str(context.perform(ReadPython()))
    if f"{here}.".startswith(f"{wanted}."):
        return
    raise UsageError(
        f"Python {wanted}, where runs have CPython {here}",
        expected=f"--python {here.rpartition('.')[0]}",
        remedy=f"install os2shell for Python {wanted} and use that os2",
    )


COMMAND = Command(
    name="create-env",
    summary="make an environment, also from a lock",
    usage=USAGE,
    arguments=Args,
    needs=NEEDS,
    may=MAY | {Capability.PIP_INSTALL},
    emits=(*EVENTS, *ENVIRONMENT_EVENTS),
    parse=parse,
    run=run,
)
