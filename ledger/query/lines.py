"""A record on one line for people: aligned, in local time, safe to print.

Texts of a ledger are foreign data. Every character that a terminal would obey instead of showing it
(controls, marks that reorder what is read) is shown as an escape; only the colours, where they are
wanted, are control sequences, and they are ours.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ledger.form.canonical import Json
from ledger.form.record import Record
from ledger.query.moments import local
from ledger.query.words import Needle

_KNOWN: Final = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
_DIGITS: Final = 12
_ROOM: Final = 100
_DIM, _KIND, _SEQ, _FOUND, _PLAIN = "\x1b[2m", "\x1b[36m", "\x1b[33m", "\x1b[1;31m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class RecordLines:
    """Makes lines; ``about`` chooses what is told after the kind (else all attributes).

    ``width`` cuts lines to so many characters. With ``sought``, what is told is the attributes
    around the place where it was found.
    """

    colour: bool = False
    width: int | None = None
    sought: Needle | None = None
    about: Callable[[Record], Json] | None = None

    def line(self, record: Record) -> str:
        """The line of ``record``, without its end."""
        columns = (
            f"{record.seq:>7}",
            local(record.hlc),
            f"{visible(record.session) or '-':<6}",
            f"{visible(record.actor) or '-':<10}",
            f"{visible(record.kind):<20}",
        )
        room = None if self.width is None else self.width - len("  ".join(columns)) - 2
        text = self._told(record, room)
        if not self.colour:
            return "  ".join((*columns, text)).rstrip()
        seq, at, session, actor, kind = columns
        names = f"{session}  {actor}"
        return (
            f"{_SEQ}{seq}{_PLAIN}  {_DIM}{at}{_PLAIN}  {names}  {_KIND}{kind}{_PLAIN}  "
            f"{self._marked(text)}"
        ).rstrip()

    def _told(self, record: Record, room: int | None) -> str:
        if self.sought is not None:
            text = flat(record.attributes)
            folded = text.casefold()
            place = folded.find(self.sought.folded) if len(folded) == len(text) else -1
            if place >= 0:
                return _around(text, place, _ROOM if room is None else max(room, _ROOM))
        text = flat(record.attributes if self.about is None else self.about(record))
        return text if room is None else _cut(text, max(room, 0))

    def _marked(self, text: str) -> str:
        """``text`` with what was sought standing out, unless folding changes lengths."""
        if self.sought is None or len(text.casefold()) != len(text):
            return text
        parts, at = [], 0
        for found in re.finditer(re.escape(self.sought.folded), text.casefold()):
            start, stop = found.span()
            parts.append(f"{text[at:start]}{_FOUND}{text[start:stop]}{_PLAIN}")
            at = stop
        return "".join(parts) + text[at:]


def flat(value: Json) -> str:
    """``value`` on one line: maps as ``key=value``, bytes as text or by their first digits."""
    match value:
        case bytes():
            return _text(value)
        case str():
            return visible(value)
        case list():
            return f"[{' '.join(map(flat, value))}]"
        case dict():
            return " ".join(f"{visible(key)}={_inner(item)}" for key, item in value.items())
        case _:
            return str(value)


def visible(text: str) -> str:
    """``text`` with escapes for all that a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _KNOWN.get(c) or _escape(ord(c)) for c in text)


def _escape(number: int) -> str:
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"  # noqa: PLR2004 - one byte


def _text(value: bytes) -> str:
    try:
        return visible(value.decode())
    except UnicodeDecodeError:
        digits = value.hex()
        return digits if len(digits) <= _DIGITS else f"{digits[:_DIGITS]}…"


def _inner(value: Json) -> str:
    return f"{{{flat(value)}}}" if type(value) is dict else flat(value)


def _around(text: str, place: int, room: int) -> str:
    """``room`` characters of ``text`` with ``place`` in their first third."""
    start = max(min(place - room // 3, len(text) - room), 0)
    return ("…" if start else "") + _cut(text[start:], room)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(width - 1, 0)]}…"
