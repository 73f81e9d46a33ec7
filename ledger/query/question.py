"""A question to a log: which records, and in which order. Pure: a record in, yes or no out.

Names (kind, actor, session, token, node) are matched whole, or by patterns in which ``*`` stands
for any characters; several are alternatives. Conditions of different fields must all hold.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from ledger.errors import QueryError
from ledger.form.record import Record
from ledger.query.moments import milliseconds
from ledger.query.words import needle, searchable

Names: TypeAlias = "str | tuple[str, ...] | None"
NAMED: Final = ("kind", "actor", "session", "token", "node")
"""The fields of a record that a question can name, in the order of ``Query``."""
COUNTER_BITS: Final = 16
MAX_HLC: Final = 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which records to find: oldest first, or newest first with ``reverse``; at most ``limit``.

    ``since`` is inclusive and ``until`` exclusive, both with a time zone; ``start`` and ``stop``
    are sequence numbers, as in ``range``. ``text`` is looked for as ``ledger.query.words`` says.
    """

    kind: Names = None
    actor: Names = None
    session: Names = None
    token: Names = None
    node: Names = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    start: int = 0
    stop: int | None = None
    limit: int | None = None
    reverse: bool = False

    def __post_init__(self) -> None:
        """Refuse what no record can answer."""
        if self.text is not None and not self.text.strip():
            raise QueryError("expected a text to look for, found none; leave text out")
        for name, number in (("start", self.start), ("stop", self.stop), ("limit", self.limit)):
            if number is not None and number < 0:
                raise QueryError(f"expected {name} of 0 or more, found {number}")
        for moment in (self.since, self.until):
            if moment is not None and moment.utcoffset() is None:
                raise QueryError(
                    f"expected a time with its zone, found {moment.isoformat()}; add one, such as "
                    "timezone.utc"
                )

    def names(self, field: str) -> tuple[str, ...]:
        """The alternatives for ``field``; none when every name will do."""
        given: Names = getattr(self, field)
        found = (given,) if isinstance(given, str) else given or ()
        return () if "*" in found else found

    @property
    def times(self) -> tuple[int, int]:
        """The first ``hlc`` meant, and the first beyond."""
        since = 0 if self.since is None else milliseconds(self.since) << COUNTER_BITS
        until = MAX_HLC if self.until is None else milliseconds(self.until) << COUNTER_BITS
        return max(since, 0), max(until, 0)

    @property
    def selective(self) -> bool:
        """Whether anything but sequence numbers and the limit tells records apart."""
        timed = self.since is not None or self.until is not None
        return timed or self.text is not None or any(self.names(field) for field in NAMED)


def pattern(names: Iterable[str]) -> Callable[[str], bool]:
    """Whether a name is one of ``names``, where ``*`` stands for any characters."""
    parts = (".*".join(re.escape(part) for part in name.split("*")) for name in names)
    return re.compile("|".join(parts), re.DOTALL).fullmatch  # type: ignore[return-value]


def predicate(query: Query) -> Callable[[Record], bool]:
    """Whether ``query`` means a record, wherever in the log it stands."""
    named = [(field, pattern(names)) for field in NAMED if (names := query.names(field))]
    since, until = query.times
    sought = needle(query.text) if query.text is not None else None

    def meant(record: Record) -> bool:
        if not since <= record.hlc < until:
            return False
        if not all(matches(getattr(record, field)) for field, matches in named):
            return False
        return sought is None or sought.found_in(searchable(record.kind, record.attributes))

    return meant
