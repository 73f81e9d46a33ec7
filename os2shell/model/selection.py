"""Which records somebody wants to see: the words of a command, as data, and as the ledger asks.

Times stay as they were typed ("2h", ISO 8601): what they mean is known when the question is asked.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from ledger import Query, QueryError, instant
from os2shell.model.errors import UsageError

_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Selection:
    """Conditions that must all hold; several names of one field are alternatives.

    ``limit`` takes the newest; they are shown oldest first unless ``reverse``. ``scan`` asks the
    log itself and no index.
    """

    kinds: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    text: str | None = None
    start: int = 0
    stop: int | None = None
    limit: int | None = None
    reverse: bool = False
    scan: bool = False


EVERYTHING = Selection()
"""No condition at all."""


def query_of(selection: Selection, now_ns: int) -> Query:
    """The ledger's question for ``selection``; raises ``UsageError`` where none can be asked."""
    now = datetime.fromtimestamp(now_ns / _NANOSECONDS, UTC)
    try:
        return Query(
            kind=selection.kinds,
            actor=selection.actors,
            session=selection.sessions,
            token=selection.tokens,
            node=selection.nodes,
            since=None if selection.since is None else instant(selection.since, now),
            until=None if selection.until is None else instant(selection.until, now),
            text=selection.text,
            start=selection.start,
            stop=selection.stop,
            limit=selection.limit,
            reverse=selection.reverse or selection.limit is not None,
        )
    except QueryError as problem:
        raise UsageError(str(problem)) from None
