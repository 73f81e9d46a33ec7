"""``python``: run a Python program in the native tier, streaming, recorded and replayable."""

from collections.abc import Sequence

from os2shell.model.command import Command, Context, Outcome
from os2shell.model.guest import EntryKind, Tier
from os2shell.subsystems.python_vm.events import EVENTS
from os2shell.subsystems.python_vm.options import RunOptions, parse_run
from os2shell.subsystems.python_vm.run import MAY, NEEDS, run_python

NAME = "python"
USAGE = (
    "python [--seed N] [--clock now|ISO] [--token-budget N] [--raw] "
    "(-c CODE | -m MODULE | SCRIPT) [ARGUMENTS…]"
)


def parse(words: Sequence[str]) -> RunOptions:
    """Read options, program, and its arguments."""
    return parse_run(words, {"-c": EntryKind.CODE, "-m": EntryKind.MODULE}, USAGE)


def run(options: RunOptions, context: Context) -> Outcome:
    """Run it in the native tier."""
    return run_python(options, NAME, Tier.NATIVE, context)


COMMAND = Command(
    name=NAME,
    summary="run a Python program in the sandbox",
    usage=USAGE,
    arguments=RunOptions,
    needs=NEEDS,
    may=MAY,
    emits=EVENTS,
    parse=parse,
    run=run,
)
