"""``envs``: which environments there are, which one runs have, and the lock of one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ledger import Json
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome, Recording
from os2shell.model.errors import Broken, UsageError
from os2shell.model.shown import jsonable
from os2shell.subsystems.environments.reading import ReadEnvironments
from os2shell.subsystems.python_vm.environments import ENVIRONMENTS, Environments

USAGE: Final = "envs [--json] | envs --lock NAME"
_SHOWN_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Args:
    """``lock`` names the environment whose lock is wanted."""

    json: bool = False
    lock: str | None = None


def parse(words: Sequence[str]) -> Args:
    """Read the options."""
    match list(words):
        case []:
            return Args()
        case ["--json"]:
            return Args(json=True)
        case ["--lock", name]:
            return Args(lock=name)
        case _:
            raise UsageError(f"envs {' '.join(words)}", expected=USAGE)


def run(args: Args, context: Context) -> Outcome:
    """Tell what the ledger says."""
    match context.perform(ReadEnvironments(args.lock)):
        case {"environments": dumped, "lock": bytes(lock)}:
            return Outcome(lock.decode())
        case {"environments": dumped, "lock": None}:
            found = ENVIRONMENTS.load(dumped)
        case _:
            raise Broken("an answer about environments has no known form")
    if args.json:
        return Outcome(json.dumps(jsonable(_body(found)), indent=2))
    return Outcome("\n".join(_lines(found)) or "no environment; `os2 pip install NAME` makes one")


def _body(found: Environments) -> dict[str, Json]:
    rows: list[Json] = [
        {
            "name": name,
            "active": name == found.active,
            "tree": environment.tree,
            "lock": environment.lock,
        }
        for name, environment in found.named.items()
    ]
    return {"schema": "os2.envs/1", "active": found.active or None, "environments": rows}


def _lines(found: Environments) -> list[str]:
    width = max(map(len, found.named), default=0)
    return [
        f"{'*' if name == found.active else ' '} {name:<{width}}  "
        + (f"tree {tree.hex()[:_SHOWN_DIGITS]}" if (tree := environment.tree) else "empty")
        for name, environment in found.named.items()
    ]


COMMAND = Command(
    name="envs",
    summary="environments and their locks",
    usage=USAGE,
    arguments=Args,
    needs=frozenset({Capability.LEDGER_READ}),
    parse=parse,
    run=run,
    recording=Recording.LOOK,
)
