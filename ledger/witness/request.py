"""The body of ``add-checkpoint``: the old size, the consistency proof, and the checkpoint.

``old <decimal>``, one base64 hash a line, an empty line, then a signed note. Both directions are
here; nothing is judged.
"""

from dataclasses import dataclass
from typing import Final

from ledger.errors import NoteError, RefusedHead
from ledger.trust.cosignature import TreeHead, plain_number
from ledger.trust.merkle import HASH_BYTES
from ledger.trust.note import MAX_NOTE_BYTES, Note, decode64, encode64, halves, parse_signatures

MAX_PROOF: Final = 63
MAX_REQUEST_BYTES: Final = MAX_NOTE_BYTES + 4096
_OLD: Final = "old "


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """What a log sends: the head that the witness last confirmed, and how the new one follows."""

    old: int
    proof: tuple[bytes, ...]
    note: Note
    flaw: str = ""
    """Why the signature lines could not be read; the note then has none."""

    @classmethod
    def parse(cls, body: bytes) -> "AddCheckpoint":
        """Read a request; every other form is refused with status 400."""
        try:
            return cls(*_parsed(body))
        except NoteError as problem:
            raise RefusedHead(400, f"bad request: {problem}") from problem

    @property
    def origin(self) -> str:
        """The log that the checkpoint is said to be of: its first line."""
        return self.note.text.partition("\n")[0]

    def encode(self) -> bytes:
        """The bytes of the request."""
        lines = "".join(f"{encode64(value)}\n" for value in self.proof)
        return f"{_OLD}{self.old}\n{lines}\n".encode() + self.note.encode()

    def head(self) -> TreeHead:
        """The head that the checkpoint states; refused with status 400 when it states none."""
        try:
            return TreeHead.parse(self.note.text)
        except NoteError as problem:
            raise RefusedHead(400, f"bad request: {problem}") from problem


def _parsed(body: bytes) -> tuple[int, tuple[bytes, ...], Note, str]:
    top, empty_line, rest = body.partition(b"\n\n")
    if not empty_line or len(body) > MAX_REQUEST_BYTES:
        raise NoteError(
            "expected an old size, hashes, an empty line, a checkpoint; found another text"
        )
    try:
        first, *lines = top.decode("ascii").split("\n")
    except UnicodeDecodeError as problem:
        raise NoteError("expected an old size and hashes in ASCII, found other bytes") from problem
    if not first.startswith(_OLD):
        raise NoteError(f"expected 'old <size>', found {first[:40]!r}")
    if len(lines) > MAX_PROOF:
        raise NoteError(f"expected at most {MAX_PROOF} hashes, found {len(lines)}")
    proof = tuple(decode64(line) for line in lines)
    if any(len(value) != HASH_BYTES for value in proof):
        raise NoteError(f"expected hashes of {HASH_BYTES} bytes, found another length")
    old = plain_number(first.removeprefix(_OLD))
    text, signatures = halves(rest)
    try:
        return old, proof, Note(text, parse_signatures(signatures)), ""
    except NoteError as problem:
        return old, proof, Note(text, ()), str(problem)
