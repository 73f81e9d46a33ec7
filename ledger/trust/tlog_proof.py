"""Proofs as text files that others can check: C2SP tlog-proof, and consistency beside it.

An inclusion proof is the file of C2SP tlog-proof v1: a first line that names the form, ``extra``
with data the proof does not vouch for, ``index``, the hashes one a line, an empty line, and the
checkpoint as it was signed. Our ``extra`` is the record's body, the very leaf, so the file needs
nothing beside it: whoever hashes the body and follows the hashes meets the signed root, or not.

A consistency proof is the body of C2SP tlog-witness ``add-checkpoint``: ``old`` with the smaller
size, the hashes one a line, an empty line, and the larger checkpoint.

Pure; signatures are judged by ``verify`` with keys from the caller only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ledger.errors import NoteError, ProofError
from ledger.form.record import MAX_BODY_BYTES
from ledger.trust import checkpoint
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.equivocation import signed
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import (
    HASH_BYTES,
    InclusionProof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from ledger.trust.note import MAX_NOTE_BYTES, decode64, encode64

FIRST_LINE: Final = "c2sp.org/tlog-proof@v1"
MAX_PROOF_BYTES: Final = 2 * MAX_BODY_BYTES + MAX_NOTE_BYTES
_MAX_HASHES: Final = 63
_MAX_DIGITS: Final = 20


@dataclass(frozen=True, slots=True)
class RecordProof:
    """That the record with this body is in the log whose signed head is ``checkpoint``."""

    body: bytes | None
    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        """The ``.tlog-proof`` file."""
        extra = f"extra {encode64(self.body)}\n" if self.body is not None else ""
        return (
            f"{FIRST_LINE}\n{extra}index {self.index}\n{_lines(self.hashes)}\n".encode()
            + self.checkpoint
        )

    def verify(self, keys: Sequence[PublicKey], body: bytes | None = None) -> Checkpoint:
        """The signed head that vouches for the record; refuses a proof that does not hold.

        ``body`` overrules the one in the file: pass it when you hold the record already.
        """
        head = signed(self.checkpoint, keys)
        leaf = body if body is not None else self.body
        if leaf is None:
            raise ProofError("expected the record's body in the proof or beside it, found none")
        verify_inclusion(
            InclusionProof(self.index, head.size, self.hashes), leaf_hash(leaf), head.root
        )
        return head


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the tree of ``old`` records is a prefix of the one under ``checkpoint``."""

    old: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        """The text, as a witness takes it."""
        return f"old {self.old}\n{_lines(self.hashes)}\n".encode() + self.checkpoint

    def verify(self, keys: Sequence[PublicKey], older: Checkpoint) -> Checkpoint:
        """The larger signed head; refuses unless ``older``, verified before, is a prefix."""
        head = signed(self.checkpoint, keys)
        if older.origin != head.origin or older.size != self.old:
            raise ProofError(
                f"expected a proof from {older.size} records of {older.origin!r}, found one from "
                f"{self.old} of {head.origin!r}"
            )
        verify_consistency(self.old, head.size, older.root, head.root, self.hashes)
        return head


def read_record_proof(data: bytes) -> RecordProof:
    """The inclusion proof in a file; refuses every other form, judges nothing."""
    lines, note = _split(data)
    if not lines or lines[0] != FIRST_LINE:
        raise ProofError(f"expected a file that begins with {FIRST_LINE}, found another")
    rest = lines[1:]
    extra = _decoded(rest.pop(0)[len("extra ") :]) if rest[:1] and _is(rest[0], "extra") else None
    if not rest or not _is(rest[0], "index"):
        raise ProofError("expected a line 'index <number>', found another")
    index = _number(rest[0][len("index ") :])
    return RecordProof(extra, index, _hashes(rest[1:]), note)


def read_consistency_proof(data: bytes) -> ConsistencyProof:
    """The consistency proof in a text; refuses every other form, judges nothing."""
    lines, note = _split(data)
    if not lines or not _is(lines[0], "old"):
        raise ProofError("expected a line 'old <size>' first, found another")
    return ConsistencyProof(_number(lines[0][len("old ") :]), _hashes(lines[1:]), note)


def _split(data: bytes) -> tuple[list[str], bytes]:
    """The lines before the first empty one, and the checkpoint behind it, which must parse."""
    if len(data) > MAX_PROOF_BYTES:
        raise ProofError(f"expected a proof of at most {MAX_PROOF_BYTES} bytes, found {len(data)}")
    head, empty, note = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as problem:
        raise ProofError(f"expected a proof in ASCII, found other bytes: {problem}") from problem
    if not empty:
        raise ProofError("expected an empty line before the checkpoint, found none")
    checkpoint.read(note)
    return lines, note


def _is(line: str, word: str) -> bool:
    return line.startswith(f"{word} ")


def _number(text: str) -> int:
    good = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    if not good or str(int(text)) != text:
        raise ProofError(f"expected a plain decimal number, found {text[:40]!r}")
    return int(text)


def _hashes(lines: list[str]) -> tuple[bytes, ...]:
    if len(lines) > _MAX_HASHES:
        raise ProofError(f"expected at most {_MAX_HASHES} hashes, found {len(lines)}")
    values = tuple(_decoded(line) for line in lines)
    for value in values:
        if len(value) != HASH_BYTES:
            raise ProofError(f"expected hashes of {HASH_BYTES} bytes, found one of {len(value)}")
    return values


def _decoded(text: str) -> bytes:
    try:
        return decode64(text)
    except NoteError as problem:
        raise ProofError(str(problem)) from problem


def _lines(hashes: tuple[bytes, ...]) -> str:
    return "".join(f"{encode64(value)}\n" for value in hashes)
