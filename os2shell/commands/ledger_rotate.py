"""``ledger keys rotate``: a new key for the ledger, and the end of the old one."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import ClassVar, Final

from ledger import Json
from os2shell.executors.rotation import Rotated, RotateKey
from os2shell.model.capability import Capability
from os2shell.model.command import Command, Context, Outcome
from os2shell.model.errors import UsageError
from os2shell.model.plain import from_json, to_json

USAGE: Final = "ledger keys rotate"


@dataclass(frozen=True, slots=True)
class Args:
    """Nothing to choose."""


@dataclass(frozen=True, slots=True)
class KeyRotated:
    """The ledger has a new key; ``record`` is the one that names it."""

    kind: ClassVar[str] = "ledger_key_rotated"
    epoch: int
    public_key: str
    record: int

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


def parse(words: Sequence[str]) -> Args:
    """There are no arguments."""
    if words:
        raise UsageError(f"ledger keys rotate {' '.join(words)}", expected=USAGE)
    return Args()


def run(_args: Args, context: Context) -> Outcome:
    """Rotate, and say what is to be done with the new key."""
    made = from_json(Rotated, context.perform(RotateKey()))
    text = f"epoch   {made.epoch}\nkey     {made.public_key}\nrecord  {made.record}"
    note = "the old secret key was overwritten and removed; give the new public key to your readers"
    return Outcome(text, notes=(note,), events=(KeyRotated(*astuple(made)),))


COMMAND = Command(
    name="ledger-rotate",
    summary="give the ledger a new key and destroy the old one (also: ledger keys rotate)",
    usage=USAGE,
    arguments=Args,
    needs=frozenset({Capability.ADMIN}),
    emits=(KeyRotated,),
    parse=parse,
    run=run,
)
