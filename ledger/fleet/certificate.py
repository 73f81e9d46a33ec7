"""Certificates of obstruction: a file that shows anybody why logs cannot be merged.

It holds what the rules of ``obstruction`` ask for and no free text, and is one line of JSON in one
spelling: every byte of it is proven or refused, and it can be the last line of a merge that broke
off. Whether a key in it is a log's is for the reader to know; pass the keys you trust. Pure: bytes
in, findings out.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ledger.errors import CertificateError, LedgerError
from ledger.evidence.plain import Plain, line
from ledger.fleet.obstruction import Leaf, Obstruction, Statement, judge, ordered
from ledger.trust.equivocation import Prefix
from ledger.trust.keys import PublicKey
from ledger.trust.note import decode64, encode64

SCHEMA: Final = "os2.ledger.obstruction/1"
MAX_FILE_BYTES: Final = 1024 * 1024
_MAX_HASHES: Final = 64
_MEMBERS: Final = {"schema", "kind", "statements", "prefix"}
_STATEMENT: Final = {"public_key", "checkpoint", "records"}
_RECORD: Final = {"seq", "body", "hashes"}


@dataclass(frozen=True, slots=True)
class Certificate:
    """Statements in their order, and what is said to follow from them; ``judge`` says whether."""

    kind: Obstruction
    statements: tuple[Statement, ...]
    prefix: Prefix | None = None

    @classmethod
    def of(
        cls, kind: Obstruction, statements: Iterable[Statement], prefix: Prefix | None = None
    ) -> "Certificate":
        """The certificate in its one order: by origin, size and note."""
        return cls(kind, tuple(ordered(statements)), prefix)

    @property
    def origins(self) -> tuple[str, ...]:
        """The logs that it is about."""
        return tuple(dict.fromkeys(statement.key.name for statement in self.statements))

    def encode(self) -> bytes:
        """The file."""
        prefix: Plain = None
        if self.prefix is not None:
            prefix = {"root": encode64(self.prefix.root), "hashes": _shown(self.prefix.hashes)}
        return line(
            {
                "schema": SCHEMA,
                "kind": str(self.kind),
                "statements": [_plain(statement) for statement in self.statements],
                "prefix": prefix,
            }
        )

    def judge(self, trusted: Sequence[PublicKey] = ()) -> str:
        """Why the logs cannot be merged, in plain words; ``CertificateError`` if that is not shown.

        With ``trusted``, every key in it must be one of them; of two logs of one name, one is
        enough, since that the other is a stranger's may be all there is to it.
        """
        known = [statement.key in trusted for statement in self.statements]
        enough = any if self.kind is Obstruction.TWO_LOGS else all
        if trusted and not enough(known):
            strange = next(s.key for s in self.statements if s.key not in trusted)
            raise CertificateError(
                f"expected heads signed by the keys you trust, found one by {strange}; if that is "
                "the log's key in another epoch, pass it too, or the table of epochs"
            )
        return judge(self.kind, self.statements, self.prefix)


def read_certificate(data: bytes) -> Certificate:
    """The certificate in a file; refuses every other spelling, judges nothing."""
    if len(data) > MAX_FILE_BYTES:
        raise CertificateError(
            f"expected a certificate of at most {MAX_FILE_BYTES} bytes, found {len(data)}"
        )
    try:
        found = _read(json.loads(data))
        if found.encode() == data:
            return found
    except (ValueError, RecursionError, TypeError) as problem:
        raise CertificateError(
            f"expected a certificate, schema {SCHEMA}, found another file: {problem}"
        ) from None
    except LedgerError as problem:
        raise CertificateError(f"expected a certificate that can be read: {problem}") from problem
    raise CertificateError("expected a certificate as it is written, found another spelling")


def _shown(hashes: Iterable[bytes]) -> list[Plain]:
    return [encode64(value) for value in hashes]


def _plain(statement: Statement) -> Plain:
    return {
        "public_key": str(statement.key),
        "checkpoint": statement.note.decode(),
        "records": [
            {"seq": leaf.seq, "body": encode64(leaf.body), "hashes": _shown(leaf.hashes)}
            for leaf in statement.leaves
        ],
    }


def _read(members: object) -> Certificate:
    given = _members(members, _MEMBERS)
    if given["schema"] != SCHEMA:
        raise CertificateError(
            f"expected schema {SCHEMA}, found {str(given['schema'])[:80]!r}; a newer one needs a "
            "newer version of this program"
        )
    prefix = None
    if given["prefix"] is not None:
        link = _members(given["prefix"], {"root", "hashes"})
        prefix = Prefix(decode64(_text(link["root"])), _hashes(link["hashes"]))
    statements = tuple(_statement(each) for each in _list(given["statements"], 2))
    return Certificate(Obstruction(_text(given["kind"])), statements, prefix)


def _statement(members: object) -> Statement:
    given = _members(members, _STATEMENT)
    leaves = [_members(each, _RECORD) for each in _list(given["records"], 2)]
    return Statement(
        PublicKey.parse(_text(given["public_key"])),
        _text(given["checkpoint"]).encode(),
        tuple(
            Leaf(_number(leaf["seq"]), decode64(_text(leaf["body"])), _hashes(leaf["hashes"]))
            for leaf in leaves
        ),
    )


def _members(value: object, names: set[str]) -> dict[str, object]:
    if not isinstance(value, dict) or value.keys() != names:
        raise CertificateError(f"expected an object with {sorted(names)}, found another")
    return value


def _list(value: object, most: int) -> list[object]:
    if not isinstance(value, list) or len(value) > most:
        raise CertificateError(f"expected a list of at most {most}, found something else")
    return value


def _hashes(value: object) -> tuple[bytes, ...]:
    return tuple(decode64(_text(each)) for each in _list(value, _MAX_HASHES))


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise CertificateError(f"expected a number from 0 on, found {str(value)[:40]!r}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise CertificateError(f"expected text, found {str(value)[:40]!r}")
    return value
