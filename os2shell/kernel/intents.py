"""Open intents, as a fold: what was admitted and has not ended.

An invocation is admitted once and ends once, by ``command.finished``, ``command.failed`` or, when
its shell died, ``command.interrupted``. An open intent whose session nobody holds *is* the crash.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from ledger import Json
from os2shell.model.fold import Fact, Fold

ADMITTED = "command.admitted"
DENIED = "command.denied"
FINISHED = "command.finished"
FAILED = "command.failed"
INTERRUPTED = "command.interrupted"
SESSION_OPENED = "session.opened"

BOOT_SESSION = "boot"
"""What records carry as their session that a shell writes before it opens one."""

ENDED = frozenset({FINISHED, FAILED, INTERRUPTED})


@dataclass(frozen=True, slots=True)
class Intent:
    """An admitted command that has not ended, by the seq of its admission."""

    seq: int
    session: str
    command: str


Intents = Mapping[int, Intent]


def _evolve(intents: Intents, fact: Fact) -> Intents:
    match fact.kind, fact.body:
        case "command.admitted", {"command": str(command)}:
            return {**intents, fact.seq: Intent(fact.seq, fact.session, command)}
        case kind, {"admitted": int(seq)} if kind in ENDED:
            return {key: intent for key, intent in intents.items() if key != seq}
        case _:
            return intents


def _dump(intents: Intents) -> Json:
    return [[intent.seq, intent.session, intent.command] for intent in intents.values()]


def _load(body: Json) -> Intents:
    rows = cast("list[list[Json]]", body)
    found = [Intent(int(str(seq)), str(session), str(command)) for seq, session, command in rows]
    return {intent.seq: intent for intent in found}


INTENTS: Fold[Intents] = Fold("intents", 1, {}, _evolve, _dump, _load)
"""What is under way, in this shell or another, or was when its shell died."""
