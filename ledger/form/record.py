"""A record: one sealed entry of the chain, and the position after it.

The body is the canonical array ``[version, seq, hlc, node, session, actor, token, kind, attributes,
payload, commitment]``, below ``MAX_BODY_BYTES``. The chain is keyed: the digest after record n is
``blake3(body_n, key=digest after n-1)``, and before record 0 stands a key derived from the origin.
So the predecessor is part of every digest without being stored in the body.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

import msgpack  # type: ignore[import-untyped]
from blake3 import blake3

from ledger.errors import BodyTooLarge, CanonicalError, EntryError
from ledger.form import canonical
from ledger.form.canonical import Digest, Json

VERSION: Final = 1
MAX_BODY_BYTES: Final = 64 * 1024  # a body is strictly shorter
MAX_U64: Final = 2**64 - 1
CREATED: Final = "ledger.created"
RECOVERED: Final = "ledger.recovered"
_GENESIS_CONTEXT: Final = "os2shell ledger v1 2026 chain of origin"
_DIGEST_BYTES: Final = 32
_FIELDS: Final = 11


@dataclass(frozen=True, slots=True)
class Entry:
    """What an appender supplies; the ledger adds position, time and node."""

    kind: str
    attributes: Mapping[str, Json]
    session: str = ""
    actor: str = ""
    token: str = ""
    payload: Digest | None = None
    commitment: bytes | None = None


@dataclass(frozen=True, slots=True)
class Author:
    """Who opens a ledger: carried by the records that the ledger writes of itself."""

    session: str = ""
    actor: str = ""
    token: str = ""

    def entry(self, kind: str, attributes: Mapping[str, Json]) -> Entry:
        """An entry in this name."""
        return Entry(kind, attributes, self.session, self.actor, self.token)


@dataclass(frozen=True, slots=True)
class Record:
    """A sealed entry; ``body`` is exactly what is stored, ``digest`` the chain after it."""

    version: int
    seq: int
    hlc: int
    node: str
    session: str
    actor: str
    token: str
    kind: str
    attributes: dict[str, Json]
    payload: Digest | None
    commitment: bytes | None
    body: bytes
    digest: Digest


@dataclass(frozen=True, slots=True)
class Head:
    """Where the ledger stands: how many records, the chain digest, the Merkle root."""

    size: int
    chain: Digest
    root: bytes


def genesis(origin: str) -> Digest:
    """The chain digest before record 0 of the ledger named ``origin``."""
    return Digest(blake3(origin.encode(), derive_key_context=_GENESIS_CONTEXT).digest())


def link(previous: bytes, body: bytes) -> Digest:
    """The chain digest after ``body``."""
    return Digest(blake3(body, key=previous).digest())


def seal(
    encoder: msgpack.Packer, entry: Entry, seq: int, hlc: int, node: str, previous: Digest
) -> Record:
    """The record of ``entry`` after ``previous``; refuses what a reader would refuse."""
    texts = (node, entry.session, entry.actor, entry.token, entry.kind)
    if not all(isinstance(text, str) for text in texts) or not entry.kind:
        raise EntryError(
            f"expected a kind, and text as session, actor, token and node, found {texts!r}"
        )
    payload = entry.payload
    if payload is not None and len(payload) != _DIGEST_BYTES:
        raise EntryError(
            f"expected a payload digest of 32 bytes, found {len(payload)}; put the content "
            "into the object store and refer to what it returns"
        )
    commitment = entry.commitment
    if commitment is not None and len(commitment) != _DIGEST_BYTES:
        raise EntryError(f"expected a commitment of 32 bytes, found {len(commitment)}")
    attributes = cast("dict[str, Json]", canonical.ordered(dict(entry.attributes)))
    values = (VERSION, seq, hlc, *texts, attributes, payload, commitment)
    body = canonical.pack(encoder, values)
    if len(body) >= MAX_BODY_BYTES:
        raise BodyTooLarge(
            f"expected a body below {MAX_BODY_BYTES} bytes, found {len(body)} for {entry.kind}; "
            "put the content into the object store and refer to it by payload"
        )
    return Record(*values, body, link(previous, body))


def fields(encoder: msgpack.Packer, body: bytes) -> list[object]:
    """The eleven fields of ``body``, each checked; refuses what is not canonical."""
    if len(body) >= MAX_BODY_BYTES:
        raise CanonicalError(f"expected a body below {MAX_BODY_BYTES} bytes, found {len(body)}")
    values = canonical.unpack(body)
    if type(values) is not list or len(values) != _FIELDS:
        raise CanonicalError(f"expected an array of {_FIELDS} fields, found another shape")
    if values[0] != VERSION or type(values[0]) is not int:
        raise CanonicalError(
            f"expected record version {VERSION}, found {values[0]!r}; read it with a newer version"
        )
    if canonical.pack(encoder, values) != body:
        raise CanonicalError("expected canonical msgpack, found a longer spelling or repeated key")
    _check_types(values)
    return values


def unsealed(encoder: msgpack.Packer, body: bytes, chain: Digest) -> Record:
    """The record whose stored bytes are ``body`` and whose chain digest is ``chain``."""
    version, seq, hlc, node, session, actor, token, kind, attributes, payload, commitment = fields(
        encoder, body
    )
    return Record(
        cast("int", version),
        cast("int", seq),
        cast("int", hlc),
        cast("str", node),
        cast("str", session),
        cast("str", actor),
        cast("str", token),
        cast("str", kind),
        cast("dict[str, Json]", attributes),
        cast("Digest | None", payload),
        cast("bytes | None", commitment),
        body,
        chain,
    )


def _check_types(values: list[object]) -> None:
    _, seq, hlc, *texts, attributes, payload, commitment = values
    for name, number in (("seq", seq), ("hlc", hlc)):
        if type(number) is not int or not 0 <= number <= MAX_U64:
            raise CanonicalError(f"expected {name} as unsigned 64-bit integer, found {number!r}")
    for text in texts:
        if type(text) is not str:
            raise CanonicalError(f"expected text, found {type(text).__name__}")
    if not texts[-1]:
        raise CanonicalError("expected a kind, found empty text")
    if type(attributes) is not dict:
        raise CanonicalError(f"expected attributes as map, found {type(attributes).__name__}")
    canonical.check(attributes)
    for name, digest in (("payload", payload), ("commitment", commitment)):
        if digest is not None and (type(digest) is not bytes or len(digest) != _DIGEST_BYTES):
            raise CanonicalError(f"expected {name} as 32 bytes or nil, found {digest!r}")
