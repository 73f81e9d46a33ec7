"""C2SP signed-note: a text and lines of signatures below it.

A note is UTF-8 without control characters besides newline. Its signatures follow the *last* empty
line, one a line: an em dash, the key's name, and base64 of a 4-byte key hash and the signature.
Parsing is strict enough that every note has one spelling only: base64 must be what encoding
gives.

Several may sign one note. ``accepted`` is the rule for whoever reads it with some known keys:
signatures by others mean nothing; one that claims a known key (name and hash) must hold, or the
whole note is refused; and at least one must hold. The four bytes of hash are no proof of
anything, they only say which key to try.
"""

import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from ledger.errors import NoteError

MAX_NOTE_BYTES: Final = 64 * 1024
MAX_SIGNATURES: Final = 100
KEY_ID_BYTES: Final = 4
_MARK: Final = "\u2014 "
_CONTROL: Final = re.compile("[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who claims to have signed, with which key, and the bytes."""

    name: str
    key_id: bytes
    value: bytes

    def line(self) -> str:
        """The line as it stands in a note."""
        return f"{_MARK}{self.name} {encode64(self.key_id + self.value)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text ending with a newline, and its signatures; nothing is verified yet."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """The bytes of the note."""
        lines = "".join([signature.line() for signature in self.signatures])
        return f"{self.text}\n{lines}".encode()

    def adding(self, signatures: Iterable[Signature]) -> "Note":
        """The note with further signatures, each line once."""
        return Note(self.text, tuple(dict.fromkeys((*self.signatures, *signatures))))


class Verifier(Protocol):
    """A public key that can say whether it signed a note."""

    @property
    def name(self) -> str:
        """The name in its signature lines."""
        ...

    @property
    def key_id(self) -> bytes:
        """The four bytes in its signature lines."""
        ...

    def verify(self, note: Note) -> None:
        """Refuse ``note`` with ``NoteError`` unless this key signed it, exactly once."""
        ...


def accepted(note: Note, keys: Iterable[Verifier]) -> tuple[Signature, ...]:
    """The signatures by ``keys``, each verified (C2SP signed-note, section Signatures).

    Refuses the note when one of them does not hold, and when there is none.
    """
    known = {(key.name, key.key_id): key for key in keys}
    found: list[Signature] = []
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is not None and signature not in found:
            key.verify(Note(note.text, (signature,)))
            found.append(signature)
    if not found:
        told = (
            f"expected a signature by {_listed(known)}, found "
            f"{_listed((s.name, s.key_id) for s in note.signatures)}"
        )
        if {name for name, _ in known} & {signature.name for signature in note.signatures}:
            told += (
                "; do not trust it, unless its owner says that this key was rotated: `keys "
                "export-public --epochs` prints all that a log had"
            )
        raise NoteError(told)
    return tuple(found)


def parse(data: bytes) -> Note:
    """Read a note; refuses every other form."""
    text, lines = halves(data)
    return Note(text, parse_signatures(lines))


def halves(data: bytes) -> tuple[str, str]:
    """The text of a note and its signature lines, which are not looked at."""
    if len(data) > MAX_NOTE_BYTES:
        raise NoteError(f"expected a note of at most {MAX_NOTE_BYTES} bytes, found {len(data)}")
    try:
        whole = data.decode()
    except UnicodeDecodeError as problem:
        raise NoteError(f"expected a note in UTF-8, found other bytes: {problem}") from problem
    if _CONTROL.search(whole) is not None:
        raise NoteError("expected no control characters in a note, found one")
    head, empty_line, tail = whole.rpartition("\n\n")
    if not empty_line or not tail.endswith("\n"):
        raise NoteError("expected a text, an empty line and signature lines, found another shape")
    return head + "\n", tail


def is_name(name: str) -> bool:
    """Whether a key may be called ``name``."""
    return (
        bool(name)
        and "+" not in name
        and not any(character.isspace() or character < " " for character in name)
    )


def encode64(data: bytes) -> str:
    """Standard base64."""
    return binascii.b2a_base64(data, newline=False).decode()


def decode64(text: str) -> bytes:
    """Standard base64 in its only spelling; spare bits and foreign characters are refused."""
    try:
        data = binascii.a2b_base64(text.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError) as problem:
        raise NoteError(f"expected base64, found {text[:80]!r}: {problem}") from problem
    if encode64(data) != text:
        raise NoteError(f"expected base64 as encoding gives it, found {text[:80]!r}")
    return data


def parse_signatures(lines: str) -> tuple[Signature, ...]:
    """Signature lines alone, each ended by a newline, as a witness answers them."""
    if not lines.endswith("\n"):
        raise NoteError(f"expected signature lines, found {lines[:80]!r}")
    found = lines[:-1].split("\n")
    if len(found) > MAX_SIGNATURES:
        raise NoteError(f"expected at most {MAX_SIGNATURES} signatures, found {len(found)}")
    return tuple(_parse_line(line) for line in found)


def _listed(keys: Iterable[tuple[str, bytes]]) -> str:
    return ", ".join(f"{name}+{key_id.hex()}" for name, key_id in keys) or "none"


def _parse_line(line: str) -> Signature:
    if not line.startswith(_MARK):
        raise NoteError(f"expected a signature line, found {line[:80]!r}")
    name, space, encoded = line.removeprefix(_MARK).partition(" ")
    if not space or not is_name(name):
        raise NoteError(f"expected a key name and base64, found {line[:80]!r}")
    data = decode64(encoded)
    if len(data) <= KEY_ID_BYTES:
        raise NoteError(f"expected a key hash and a signature, found {len(data)} bytes")
    return Signature(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])
