"""What a run's report of the network becomes in the ledger: one event for each kind there was."""

from collections.abc import Iterator

from ledger import Json
from os2shell.model.errors import Broken
from os2shell.subsystems.python_vm.events import (
    ExchangesCompleted,
    ExchangesDenied,
    ExchangesFailed,
)

ExchangeEvent = ExchangesCompleted | ExchangesFailed | ExchangesDenied

_KINDS: dict[str, type[ExchangeEvent]] = {
    "completed": ExchangesCompleted,
    "failed": ExchangesFailed,
    "denied": ExchangesDenied,
}


def exchanges_of(report: Json) -> tuple[ExchangeEvent, ...]:
    """The events of ``report``; none where the program asked for nothing."""
    if report is None:
        return ()
    if not isinstance(report, dict):
        raise Broken("a run's report of the network has no known form")
    return tuple(_events(report))


def _events(report: dict[str, Json]) -> Iterator[ExchangeEvent]:
    for name, event in _KINDS.items():
        match report.get(name):
            case {"rows": list(rows), "count": int(count)}:
                yield event(rows, count)
            case None:
                continue
            case _:
                raise Broken("a run's report of the network has no known form")
