"""The searchable text of a record, and what it is to contain a text.

The searchable text is the kind, and every key and value of the attributes at any depth, a scalar
beside its key as ``key=value``, one a line, in Unicode's folded case. Bytes count as text where
they are UTF-8, as hexadecimal digits where they are short, and not at all otherwise.

A word is a run of ASCII letters, ASCII digits and any characters beyond ASCII. A text is found
where it stands in the searchable text, folded too, beginning at the beginning of a word; one that
begins with another character (a sign, or a script that writes no spaces) is found anywhere.

This is a definition of its own, not that of a search engine: an engine may propose records
(``Needle.expression``), and the record itself decides (``Needle.found_in``).
"""

import re
from dataclasses import dataclass
from typing import Final

from ledger.form.canonical import Json

HEX_BYTES: Final = 64
"""Bytes that are no text are searched as hexadecimal digits up to this many."""
SHORTEST_PREFIX: Final = 3
"""A shorter beginning of a word stands in so many records that no index helps."""
_LETTERS: Final = "0-9a-z\x80-\U0010ffff"
_WORD: Final = re.compile(f"[{_LETTERS}]+")


def searchable(kind: str, attributes: Json) -> str:
    """The text in which ``Needle`` looks, for a record of this kind with these attributes."""
    parts = [kind]
    pending: list[Json] = [attributes]
    while pending:
        value = pending.pop()
        if type(value) is dict:
            for key, item in value.items():
                if type(item) is str or type(item) is int:
                    parts.append(f"{key}={item}")
                elif type(item) is dict or type(item) is list:
                    parts.append(key)
                    pending.append(item)
                else:
                    parts.append(f"{key}={_scalar(item)}")
        elif type(value) is list:
            pending.extend(value)
        else:
            parts.append(_scalar(value))
    return "\n".join(parts).casefold()


def _scalar(value: Json) -> str:
    if type(value) is not bytes:
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex() if len(value) <= HEX_BYTES else ""


@dataclass(frozen=True, slots=True)
class Needle:
    """A text to look for; made by ``needle``."""

    folded: str
    place: re.Pattern[str]
    whole: tuple[str, ...]
    beginning: str | None

    def found_in(self, text: str) -> bool:
        """Whether a record with this searchable text is meant."""
        return self.place.search(text) is not None

    def proposed_for(self, text: str) -> bool:
        """Whether an honest index proposes a record with this searchable text."""
        words = set(_WORD.findall(text))
        if not words.issuperset(self.whole):
            return False
        begin = self.beginning
        return begin is None or any(word.startswith(begin) for word in words)

    @property
    def expression(self) -> str | None:
        """An FTS5 expression that every meant record satisfies; None where only reading tells."""
        terms = [f'"{word}"' for word in self.whole]
        if self.beginning is not None:
            terms.append(f'"{self.beginning}"*')
        return " ".join(terms) or None


def needle(text: str) -> Needle:
    """What it takes to contain ``text``."""
    folded = text.casefold()
    ascii_word = re.match("[0-9a-z]", folded) is not None
    boundary = f"(?<![{_LETTERS}])" if ascii_word else ""
    whole: list[str] = []
    beginning = None
    for word in _WORD.finditer(folded):
        if word.start() == 0 and not ascii_word:
            continue  # it may stand in the middle of a longer word
        if word.end() < len(folded):
            whole.append(word.group())
        elif len(word.group()) >= SHORTEST_PREFIX:
            beginning = word.group()
    return Needle(folded, re.compile(boundary + re.escape(folded)), tuple(whole), beginning)
