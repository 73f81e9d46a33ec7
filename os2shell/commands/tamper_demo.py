"""``tamper-demo``: four forgeries on a copy of the ledger, and how each one is found."""

from collections.abc import Sequence
from dataclasses import dataclass

from os2shell.executors.tamper import DemonstrateTampering, Forgery
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome, Recording
from os2shell.model.errors import UsageError
from os2shell.model.plain import all_from_json

USAGE = "tamper-demo"


@dataclass(frozen=True, slots=True)
class Args:
    """Nothing to choose."""


def parse(words: Sequence[str]) -> Args:
    """Accept no words."""
    if words:
        raise UsageError(f"tamper-demo {' '.join(words)}", expected="no further words")
    return Args()


def run(_args: Args, context: Context) -> Outcome:
    """Forge, verify, show; exit 1 if a forgery went unnoticed."""
    rows = all_from_json(Forgery, context.perform(DemonstrateTampering()))
    lines = []
    for row in rows:
        lines.append(row.name)
        lines.append(f"  done   {row.done}")
        lines.append(f"  found  {row.found}" if row.found else "  NOT FOUND")
    unnoticed = sum(not row.found for row in rows)
    last = f"{len(rows) - unnoticed} of {len(rows)} forgeries found; your ledger was not touched"
    return Outcome("\n".join([*lines, last]), code=1 if unnoticed else 0)


COMMAND = Command(
    name="tamper-demo",
    summary="forge a copy of the ledger in four ways and see each one found",
    usage=USAGE,
    arguments=Args,
    needs=frozenset({Capability.LEDGER_READ}),
    parse=parse,
    run=run,
    recording=Recording.LOOK,
)
