"""A record: one sealed entry of the chain, and the position after it.

The body is the canonical array ``[version, seq, hlc, node, session, actor, token, kind, attributes,
payload, commitment]``, below ``MAX_BODY_BYTES``. The chain is keyed: the digest after record n is
``blake3(body_n, key=digest after n-1)``, and before record 0 stands a key derived from the origin.
So the predecessor is part of every digest without being stored in the body.

Bodies are what a ledger writes and reads most, so they have a faster codec than other canonical
values (``ormsgpack``); that its bytes are those of ``canonical.encode`` is held by tests.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

import ormsgpack
from blake3 import blake3

from ledger.errors import BodyTooLarge, CanonicalError, EntryError
from ledger.form import canonical
from ledger.form.canonical import Digest, Json

VERSION: Final = 1
MAX_BODY_BYTES: Final = 64 * 1024  # a body is strictly shorter
MAX_U64: Final = 2**64 - 1
CREATED: Final = "ledger.created"
RECOVERED: Final = "ledger.recovered"
ROTATED: Final = "ledger.rotated"
ACCEPTED: Final = "ledger.accepted"
ENDORSED: Final = "ledger.endorsed"
_GENESIS_CONTEXT: Final = "os2shell ledger v1 2026 chain of origin"
_DIGEST_BYTES: Final = 32
_SORTED: Final = ormsgpack.OPT_SORT_KEYS
_TEXT: Final = frozenset({str})
_HEAD: Final = (int, int, int, str, str, str, str, str, dict)
_OPTIONAL: Final = (type(None), bytes)
_PLAIN: Final = (*_HEAD, type(None), type(None))
_SHAPES: Final = frozenset((*_HEAD, a, b) for a in _OPTIONAL for b in _OPTIONAL)


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


class Record(NamedTuple):
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


_FIELDS: Final = Record._fields[:-2]


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


def body_of(entry: Entry, seq: int, hlc: int, node: str) -> bytes:
    """The canonical body of ``entry`` as record ``seq``; refuses what a reader would refuse."""
    attributes = entry.attributes
    if type(attributes) is not dict:
        attributes = dict(attributes)
    if not canonical.LEAVES.issuperset(map(type, attributes.values())):
        attributes = cast("dict[str, Json]", canonical.ordered(attributes))
    kind, session, actor, token = entry.kind, entry.session, entry.actor, entry.token
    payload, commitment = entry.payload, entry.commitment
    texts_hold = type(kind) is type(session) is type(actor) is type(token) is type(node) is str
    if not (texts_hold and kind and payload is None and commitment is None):
        _check_entry((node, session, actor, token, kind), payload, commitment)
    try:
        body: bytes = ormsgpack.packb(
            (
                VERSION,
                seq,
                hlc,
                node,
                session,
                actor,
                token,
                kind,
                attributes,
                payload,
                commitment,
            ),
            option=_SORTED,
        )
    except (ormsgpack.MsgpackEncodeError, ValueError, TypeError) as problem:
        canonical.ordered(cast("dict[str, Json]", attributes))  # says it better for other keys
        raise canonical.unencodable(problem) from problem
    if len(body) >= MAX_BODY_BYTES:
        raise BodyTooLarge(
            f"expected a body below {MAX_BODY_BYTES} bytes, found {len(body)} for {entry.kind}; "
            "put the content into the object store and refer to it by payload"
        )
    return body


def fields(body: bytes) -> list[object]:
    """The eleven fields of ``body``, each checked; refuses what is not canonical."""
    if len(body) >= MAX_BODY_BYTES:
        raise CanonicalError(f"expected a body below {MAX_BODY_BYTES} bytes, found {len(body)}")
    try:
        values = ormsgpack.unpackb(body)
    except ValueError as problem:
        raise canonical.malformed(problem) from problem
    if type(values) is not list:
        raise _misshapen(values)
    shape = tuple(map(type, values))
    if shape != _PLAIN and shape not in _SHAPES:  # comparing is faster than hashing
        raise _misshapen(values)
    version, seq, hlc, _, _, _, _, kind, attributes, payload, commitment = values
    if version != VERSION:
        raise CanonicalError(
            f"expected record version {VERSION}, found {version}; read it with a newer version"
        )
    if ormsgpack.packb(values, option=_SORTED) != body:
        raise CanonicalError("expected canonical msgpack, found another spelling of the values")
    if not canonical.LEAVES.issuperset(map(type, attributes.values())):
        canonical.check(attributes)
    if not kind or seq < 0 or hlc < 0:
        raise CanonicalError("expected a kind, and seq and hlc from 0 on, found other values")
    if not (is_digest(payload) and is_digest(commitment)):
        raise CanonicalError("expected payload and commitment as 32 bytes or nil, found others")
    return values


def unsealed(body: bytes, chain: Digest) -> Record:
    """The record whose stored bytes are ``body`` and whose chain digest is ``chain``."""
    return Record(*fields(body), body, chain)  # type: ignore[arg-type, call-arg]  # checked


def is_digest(value: object) -> bool:
    """Whether a payload or commitment is 32 bytes or absent."""
    return value is None or (type(value) is bytes and len(value) == _DIGEST_BYTES)


def _check_entry(
    texts: tuple[object, ...], payload: bytes | None, commitment: bytes | None
) -> None:
    if not _TEXT.issuperset(map(type, texts)) or not texts[-1]:
        raise EntryError(
            f"expected a kind, and text as session, actor, token and node, found {texts!r}"
        )
    for name, value in (("payload", payload), ("commitment", commitment)):
        if not is_digest(value):
            raise EntryError(
                f"expected a {name} digest of 32 bytes, found {value!r}; put the content "
                "into the object store and refer to what it returns"
            )


def _misshapen(values: object) -> CanonicalError:
    if type(values) is not list or len(values) != len(_FIELDS):
        return CanonicalError(f"expected an array of {len(_FIELDS)} fields, found another shape")
    wanted = (*_HEAD, bytes, bytes)
    for name, value, kind in zip(_FIELDS, values, wanted, strict=True):
        if type(value) is not kind and not (kind is bytes and value is None):
            return CanonicalError(
                f"expected {name} as {kind.__name__}, found {type(value).__name__}"
            )
    raise AssertionError("expected a shape that is refused")
