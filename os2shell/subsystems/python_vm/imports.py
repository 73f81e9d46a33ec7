"""What a run's report of imports becomes in the ledger: one event for each kind that occurred."""

from typing import cast

from ledger import Json
from os2shell.model.errors import Broken
from os2shell.subsystems.python_vm.events import ImportsAllowed, ImportsDenied, ImportsPinned

ImportEvent = ImportsAllowed | ImportsDenied | ImportsPinned


def imports_of(report: Json, words: tuple[str, ...]) -> tuple[ImportEvent, ...]:
    """The events of ``report``; ``words`` are the rules, which hold the pinned digests."""
    match report:
        case {"allowed": dict(allowed), "denied": dict(denied), "pinned": dict(pinned)}:
            events: list[ImportEvent] = []
            if allowed["count"]:
                events.append(ImportsAllowed(_names(allowed), cast("int", allowed["count"])))
            if denied["count"]:
                events.append(ImportsDenied(_names(denied), cast("int", denied["count"])))
            if pinned["count"]:
                digests = dict(word.split("=", 1) for word in words if "=" in word)
                rows: list[Json] = [[name, digests.get(name, "")] for name in _names(pinned)]
                events.append(ImportsPinned(rows))
            return tuple(events)
        case None:  # recorded before runs reported their imports
            return ()
        case _:
            raise Broken("a run's report of imports has no known form")


def _names(listed: dict[str, Json]) -> tuple[str, ...]:
    return tuple(cast("list[str]", listed["names"]))
