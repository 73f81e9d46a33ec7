"""Moments as people write them, and as records carry them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from ledger.errors import QueryError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO: Final = re.compile("([0-9]{1,9})([smhdw])")


def instant(text: str, now: datetime) -> datetime:
    """``text`` as ISO 8601 (local time where it names no zone), or as a time before ``now``.

    ``90s``, ``30m``, ``2h``, ``3d`` and ``1w`` count back from ``now``.
    """
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError) as problem:
        raise QueryError(
            f"expected a time such as 2h, 3d, 2030-01-31 or 2030-01-31T12:00:00Z, found {text!r}"
        ) from problem


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970, rounded up: the first that is not before ``moment``."""
    return -((EPOCH - moment) // timedelta(milliseconds=1))


def local(hlc: int) -> str:
    """The time of a record as a clock on the wall shows it: ``2030-01-31 12:00:00.000``."""
    passed, thousandth = divmod(hlc >> 16, 1000)
    try:
        moment = datetime.fromtimestamp(passed, UTC).astimezone()
    except (ValueError, OverflowError, OSError):
        return f"{hlc >> 16} ms"  # beyond the calendar: a foreign ledger may say anything
    return f"{moment:%Y-%m-%d %H:%M:%S}.{thousandth:03d}"
