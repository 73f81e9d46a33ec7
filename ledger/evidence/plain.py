"""Values of a record in JSON, for readers that know neither msgpack nor hybrid time.

JSON has no bytes, and most of its readers have no integers beyond 53 bits. So bytes become
``{"base64": "…"}``, and an integer beyond 2^53 - 1 on either side becomes its decimal text. This
loses the difference between such a text and a number; what must not be lost stands in ``body``.
"""

import json
from datetime import UTC, datetime
from typing import Final, TypeAlias

from ledger.form.canonical import Json
from ledger.form.record import Record
from ledger.trust.note import encode64

Plain: TypeAlias = "bool | int | str | list[Plain] | dict[str, Plain] | None"
COUNTER_BITS: Final = 16
_EXACT: Final = 2**53 - 1
_LAST_MS: Final = 253_402_300_799_999


def plain(value: Json) -> Plain:
    """``value`` in JSON."""
    match value:
        case bytes():
            return {"base64": encode64(value)}
        case bool() | None | str():
            return value
        case int():
            return value if -_EXACT <= value <= _EXACT else str(value)
        case list():
            return [plain(item) for item in value]
        case dict():
            return {key: plain(item) for key, item in value.items()}


def milliseconds(record: Record) -> int:
    """When ``record`` was sealed, in ms since 1970, by the clock of its node."""
    return record.hlc >> COUNTER_BITS


def instant(record: Record) -> str | None:
    """The same as RFC 3339 has it; None beyond the year 9999."""
    return instant_of(record.hlc)


def instant_of(hlc: int) -> str | None:
    """The moment of a hybrid time, likewise."""
    seconds, ms = divmod(hlc >> COUNTER_BITS, 1000)
    if seconds * 1000 + ms > _LAST_MS:
        return None
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"


def line(value: Plain) -> bytes:
    """One line of JSON Lines: ASCII, keys sorted, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def hexed(value: bytes | None) -> str | None:
    """A digest in small hex."""
    return None if value is None else value.hex()
