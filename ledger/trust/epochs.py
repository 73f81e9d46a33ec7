"""Epochs: which key must sign a head of n records, as an immutable and pure table.

Epoch 0 begins with record 0. Epoch n + 1 begins with the record after the one that rotated the
key; the head that covers the rotation is the last that the old key signs. Each row also states
the chain digest before its first record, so whoever signs the table signs the whole past.

Rules: rows are numbered without gaps, each epoch has at least one record, all keys carry the
log's name, and no key returns: one that was retired may be in a thief's hands.

The text of the table is the origin and one line a row,
``epoch <number> <first seq> <public key> <base64 of the chain digest>``. Its digest grows by a row
at a time: BLAKE3 of the row's line (with its newline), keyed with the digest before; the first
key is the chain digest before record 0. Heads signed in epoch 1 and later state it, so that a
forged table is seen even by a reader who was not there when the keys changed.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from blake3 import blake3

from ledger.errors import EpochError, KeyFormatError, KeyProblem, NoteError
from ledger.form.canonical import Digest
from ledger.form.record import genesis
from ledger.trust.keys import PublicKey
from ledger.trust.note import decode64, encode64

MAX_EPOCHS: Final = 65_536
MAX_TABLE_BYTES: Final = 32 * 1024 * 1024
_WORDS: Final = 5
_MAX_DIGITS: Final = 20
_DIGEST_BYTES: Final = 32


class Epoch(NamedTuple):
    """One row: ``key`` signs the heads after record ``first``; ``chain`` is the digest before."""

    number: int
    first: int
    key: PublicKey
    chain: Digest

    def line(self) -> str:
        """The row as text, without newline."""
        return f"epoch {self.number} {self.first} {self.key} {encode64(self.chain)}"

    @classmethod
    def parse(cls, line: str) -> "Epoch":
        """Read a row; refuses every other spelling."""
        words = line.split(" ")
        if len(words) != _WORDS or words[0] != "epoch":
            raise EpochError(
                f"expected 'epoch <number> <first> <key> <digest>', found {line[:80]!r}"
            )
        try:
            key, chain = PublicKey.parse(words[3]), Digest(decode64(words[4]))
        except (KeyProblem, NoteError) as problem:
            raise EpochError(f"expected a row of epochs: {problem}") from problem
        row = cls(_number(words[1]), _number(words[2]), key, chain)
        if len(chain) != _DIGEST_BYTES or row.line() != line:
            raise EpochError(f"expected a row as it is written, found {line[:80]!r}")
        return row


@dataclass(frozen=True, slots=True)
class Epochs:
    """The epochs of one log so far; ``rotated`` gives the table with one more."""

    rows: tuple[Epoch, ...]
    digests: tuple[Digest, ...]

    @classmethod
    def begun(cls, key: PublicKey) -> "Epochs":
        """Epoch 0 of the log that ``key`` names."""
        chain = genesis(key.name)
        row = Epoch(0, 0, key, chain)
        return cls((row,), (_extended(chain, row),))

    def rotated(self, size: int, key: PublicKey, chain: Digest) -> "Epochs":
        """The table after a rotation to ``key``, recorded as the last of ``size`` records.

        ``chain`` is the chain digest after that record.
        """
        last = self.current
        if len(self.rows) >= MAX_EPOCHS:
            raise EpochError(f"expected at most {MAX_EPOCHS} epochs, found another; begin a log")
        if size <= last.first:
            raise EpochError(f"expected an epoch after record {last.first}, found one at {size}")
        if key.name != last.key.name:
            raise EpochError(f"expected a key named {last.key.name!r}, found {key.name!r}")
        if any(row.key.key == key.key for row in self.rows):
            raise EpochError(
                f"expected a new key, found {key}, which signed an earlier epoch; a key that was "
                "retired never returns: make another"
            )
        row = Epoch(last.number + 1, size, key, chain)
        return Epochs((*self.rows, row), (*self.digests, _extended(self.digest, row)))

    @classmethod
    def of(cls, rows: list[Epoch]) -> "Epochs":
        """The table with ``rows``, each held to the rules."""
        if not rows or rows[0] != Epoch(0, 0, rows[0].key, genesis(rows[0].key.name)):
            raise EpochError("expected epoch 0 to begin with record 0, found another beginning")
        table = cls.begun(rows[0].key)
        for row in rows[1:]:
            table = table.rotated(row.first, row.key, row.chain)
            if table.current != row:
                raise EpochError(f"expected epoch {table.current.number}, found epoch {row.number}")
        return table

    @classmethod
    def parse(cls, text: str) -> "Epochs":
        """Read the text of a table."""
        if len(text) > MAX_TABLE_BYTES:
            raise EpochError(f"expected at most {MAX_TABLE_BYTES} bytes of epochs, found more")
        origin, *lines = text.split("\n")
        if not lines or lines[-1]:
            raise EpochError("expected an origin and rows, each ending its line, found another")
        table = cls.of([Epoch.parse(line) for line in lines[:-1]])
        if table.origin != origin:
            raise EpochError(f"expected epochs of {origin!r}, found epochs of {table.origin!r}")
        return table

    @property
    def digest(self) -> Digest:
        """The digest of the whole table."""
        return self.digests[-1]

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.rows[0].key.name

    @property
    def current(self) -> Epoch:
        """The newest epoch: its key signs whatever comes next."""
        return self.rows[-1]

    def at(self, size: int) -> Epoch:
        """The epoch whose key must sign a head of ``size`` records."""
        found = bisect_left(self.rows, size, key=_first) - 1
        return self.rows[max(found, 0)]

    def key_at(self, size: int) -> PublicKey:
        """The key that must sign a head of ``size`` records."""
        return self.at(size).key

    def until(self, number: int) -> "Epochs":
        """The table as it stood in epoch ``number``."""
        return Epochs(self.rows[: number + 1], self.digests[: number + 1])

    def statement(self, size: int) -> str | None:
        """What a head of ``size`` records says of the table; nothing in epoch 0."""
        number = self.at(size).number
        return f"{number + 1} {encode64(self.digests[number])}" if number else None

    def stop(self, number: int) -> int | None:
        """The seq after the last record of epoch ``number``; None while it lasts."""
        return self.rows[number + 1].first if number + 1 < len(self.rows) else None

    def find(self, key: PublicKey) -> Epoch | None:
        """The epoch of ``key``, if it has one."""
        return next((row for row in self.rows if row.key == key), None)

    def begins_with(self, earlier: "Epochs") -> bool:
        """Whether ``earlier`` is a former state of this table."""
        return self.rows[: len(earlier.rows)] == earlier.rows

    def text(self) -> str:
        """The table as text, as ``parse`` reads it."""
        lines = "".join(f"{row.line()}\n" for row in self.rows)
        return f"{self.origin}\n{lines}"

    def __iter__(self) -> Iterator[Epoch]:
        """The rows, oldest first."""
        return iter(self.rows)

    def __len__(self) -> int:
        """How many epochs there are."""
        return len(self.rows)


def successor(attributes: object) -> tuple[int, PublicKey]:
    """The epoch and the key that a rotation record names; ``EpochError`` when it names none."""
    if not isinstance(attributes, dict) or attributes.keys() != {"epoch", "public_key"}:
        raise EpochError("expected epoch and public_key in a rotation, found other attributes")
    number, text = attributes["epoch"], attributes["public_key"]
    if type(number) is not int or not isinstance(text, str):
        raise EpochError("expected an epoch as integer and a key as text, found something else")
    try:
        key = PublicKey.parse(text)
    except (KeyFormatError, NoteError) as problem:
        raise EpochError(f"expected a public key in a rotation: {problem}") from problem
    if str(key) != text:
        raise EpochError(f"expected a public key as it is written, found {text[:80]!r}")
    return number, key


def _first(row: Epoch) -> int:
    return row.first


def _extended(before: Digest, row: Epoch) -> Digest:
    return Digest(blake3(f"{row.line()}\n".encode(), key=before).digest())


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise EpochError(f"expected a plain decimal, found {text[:40]!r}")
    return int(text)
