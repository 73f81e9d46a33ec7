"""A record on one line for people: aligned, in local time, safe to print.

Texts of a ledger are foreign data. Every character that a terminal would obey instead of showing it
(controls, marks that reorder what is read) is shown as an escape; only the colours, where they are
wanted, are control sequences, and they are ours.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ledger.form.canonical import Json
from ledger.form.record import Record
from ledger.query.moments import local
from ledger.query.words import Needle

_KNOWN: Final = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
_DIGITS: Final = 12
_DIM, _KIND, _SEQ, _FOUND, _PLAIN = "\x1b[2m", "\x1b[36m", "\x1b[33m", "\x1b[1;31m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class RecordLines:
    """Makes lines; ``about`` chooses what is told after the kind (else all attributes).

    ``width`` cuts lines to so many characters. ``sought`` is shown where it was found.
    """

    colour: bool = False
    width: int | None = None
    sought: Needle | None = None
    about: Callable[[Record], Json] | None = None

    def line(self, record: Record) -> str:
        """The line of ``record``, without its end."""
        told = record.attributes if self.about is None else self.about(record)
        columns = (
            f"{record.seq:>7}",
            local(record.hlc),
            f"{visible(record.session) or '-':<6}",
            f"{visible(record.actor) or '-':<10}",
            f"{visible(record.kind):<20}",
        )
        text = flat(told)
        if self.width is not None:
            taken = len("  ".join(columns)) + 2
            text = _cut(text, max(self.width - taken, 0))
        if not self.colour:
            return "  ".join((*columns, text)).rstrip()
        seq, at, session, actor, kind = columns
        names = f"{session}  {actor}"
        return (
            f"{_SEQ}{seq}{_PLAIN}  {_DIM}{at}{_PLAIN}  {names}  {_KIND}{kind}{_PLAIN}  "
            f"{self._marked(text)}"
        ).rstrip()

    def _marked(self, text: str) -> str:
        """``text`` with what was sought standing out, unless folding changes lengths."""
        if self.sought is None or len(text.casefold()) != len(text):
            return text
        parts, at = [], 0
        for found in self.sought.place.finditer(text.casefold()):
            start, stop = found.span()
            parts.append(f"{text[at:start]}{_FOUND}{text[start:stop]}{_PLAIN}")
            at = stop
        return "".join(parts) + text[at:]


def flat(value: Json) -> str:
    """``value`` on one line: maps as ``key=value``, long bytes by their first digits."""
    match value:
        case bytes():
            digits = value.hex()
            return digits if len(digits) <= _DIGITS else f"{digits[:_DIGITS]}…"
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


def _inner(value: Json) -> str:
    return f"{{{flat(value)}}}" if type(value) is dict else flat(value)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(width - 1, 0)]}…"
