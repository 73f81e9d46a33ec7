"""``pyx``: a quick expression, or a module run by its bare name; the native tier, as ``python``.

A dotted name that a module answers to is that module, everything else an expression; the guest
tells them apart, for only there is it known which modules there are.
"""

from collections.abc import Sequence
from dataclasses import replace

from os2shell.model.command import Command, Context, Outcome
from os2shell.model.guest import EntryKind, Tier
from os2shell.subsystems.python_vm.events import EVENTS
from os2shell.subsystems.python_vm.options import RunOptions, parse_run
from os2shell.subsystems.python_vm.run import MAY, NEEDS, run_python

NAME = "pyx"
USAGE = (
    "pyx [--seed N] [--clock now|ISO] [--token-budget N] [--raw] (EXPRESSION | MODULE) [ARGUMENTS…]"
)


def parse(words: Sequence[str]) -> RunOptions:
    """Read options, what to run, and its arguments."""
    return replace(parse_run(words, {}, USAGE), entry=EntryKind.EVAL)


def run(options: RunOptions, context: Context) -> Outcome:
    """Run it in the native tier."""
    return run_python(options, NAME, Tier.NATIVE, context)


COMMAND = Command(
    name=NAME,
    summary="a quick Python expression, or a module by its name",
    usage=USAGE,
    arguments=RunOptions,
    needs=NEEDS,
    may=MAY,
    emits=EVENTS,
    parse=parse,
    run=run,
)
