"""``pyvm``: run Python in the restricted tier, a language policy inside the same sandbox.

RestrictedPython is not a security boundary, and nobody here relies on it as one: the boundary is
the sandbox around it. What the tier adds is that a program can name only what it was given.
"""

from collections.abc import Sequence

from os2shell.model.command import Command, Context, Outcome
from os2shell.model.guest import EntryKind, Tier
from os2shell.subsystems.python_vm.events import EVENTS
from os2shell.subsystems.python_vm.options import RunOptions, parse_run
from os2shell.subsystems.python_vm.run import MAY, NEEDS, run_python

NAME = "pyvm"
USAGE = (
    "pyvm [--seed N] [--clock now|ISO] [--token-budget N] [--raw] "
    "(--eval CODE | SCRIPT) [ARGUMENTS…]"
)


def parse(words: Sequence[str]) -> RunOptions:
    """Read options, program, and its arguments."""
    return parse_run(words, {"--eval": EntryKind.EVAL}, USAGE)


def run(options: RunOptions, context: Context) -> Outcome:
    """Run it in the restricted tier."""
    return run_python(options, NAME, Tier.RESTRICTED, context)


COMMAND = Command(
    name=NAME,
    summary="run Python under a language policy, inside the sandbox",
    usage=USAGE,
    arguments=RunOptions,
    needs=NEEDS,
    may=MAY,
    emits=EVENTS,
    parse=parse,
    run=run,
)
