"""``ledger keys list`` and ``export-public``: which key signed which records."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ledger import Json
from os2shell.executors.rotation import EpochView, KeysView, ReadKeys
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome, Recording
from os2shell.model.errors import UsageError
from os2shell.model.plain import all_from_json, from_json
from os2shell.model.shown import jsonable

USAGE: Final = "ledger keys list [--json] | export-public [--epochs]"
SCHEMA: Final = "os2.ledger-keys/1"


@dataclass(frozen=True, slots=True)
class Args:
    """What to show: ``verb`` is list or export-public."""

    verb: str
    json: bool = False
    epochs: bool = False


def parse(words: Sequence[str]) -> Args:
    """Read the verb."""
    match list(words):
        case ["list"]:
            return Args("list")
        case ["list", "--json"]:
            return Args("list", json=True)
        case ["export-public"]:
            return Args("export-public")
        case ["export-public", "--epochs"]:
            return Args("export-public", epochs=True)
        case _:
            raise UsageError(f"ledger keys {' '.join(words)}", expected=f"{USAGE} | rotate")


def run(args: Args, context: Context) -> Outcome:
    """Look, and print."""
    found = from_json(KeysView, context.perform(ReadKeys()))
    epochs = all_from_json(EpochView, found.epochs)
    if args.verb == "export-public":
        return Outcome(found.table.rstrip("\n") if args.epochs else epochs[-1].public_key)
    if args.json:
        body: dict[str, Json] = {
            "schema": SCHEMA,
            "origin": found.origin,
            "endorsements": found.endorsements,
            "epochs": found.epochs,
        }
        return Outcome(json.dumps(jsonable(body), indent=2))
    lines = [f"origin  {found.origin}"]
    for epoch in epochs:
        span = "none yet" if epoch.last is None else f"{epoch.first} to {epoch.last}"
        lines.append(f"epoch {epoch.epoch:>3}  records {span}\n           {epoch.public_key}")
    if found.age:
        lines.append(f"age     {found.age}")
    return Outcome("\n".join(lines))


COMMAND = Command(
    name="ledger-keys",
    summary="show the keys of the ledger (also: ledger keys list, ledger keys export-public)",
    usage=USAGE,
    arguments=Args,
    needs=frozenset({Capability.LEDGER_READ}),
    parse=parse,
    run=run,
    recording=Recording.LOOK,
)
