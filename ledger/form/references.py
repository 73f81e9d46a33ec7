"""References: how values name objects, so that a verifier finds them without knowing kinds.

Content is a map with ``size`` and ``digest``, and with ``data`` beside them when the bytes are
inline. Without ``data`` the digest names an object.

Two forms of content name objects in turn. Who names it says that it is one, so that nobody makes a
verifier look for objects by printing the bytes of a tree:

- a *trace*, the content under ``trace`` in a record's attributes: a list of steps
  ``[kind, question, answer, steps]`` in canonical form. Content in it is as above, and 32 bytes
  under one of ``TREE_KEYS`` are the name of a tree.
- a *tree*, a folder: ``["os2.tree/1", [[name, kind, size, content], …]]`` in canonical form, where
  ``content`` names a file's bytes (kinds ``f`` and ``x``) or a tree (``d``), or is the target of a
  link.

What has another form than it is named for is bytes, and names nothing.

Whoever removes objects asks for more: what may somebody still mean? So what stays is followed
*widely*: any 32 bytes may name an object, of a form that nobody says, as those do that stand in an
application's state images.
"""

from collections.abc import Iterator
from enum import Enum, auto
from typing import Final, NamedTuple

from ledger.errors import CanonicalError
from ledger.form.canonical import Digest, Json, decode

TRACE: Final = "trace"
TREE_FORM: Final = "os2.tree/1"
TREE_BEGINS: Final = b"\x92\xaa" + TREE_FORM.encode()
"""The first bytes of every tree."""
TREE_KEYS: Final = frozenset({"tree", "before", "after", "packages", "work"})
"""Keys under which a trace names trees."""
_DIGEST_BYTES: Final = 32


class Role(Enum):
    """What an object is named as."""

    BYTES = auto()
    TRACE = auto()
    TREE = auto()
    ANY = auto()
    """Nobody says: it is what its bytes look like, and may be no object at all."""


class Reference(NamedTuple):
    """An object that is named, and where, for people to read."""

    path: str
    name: Digest
    role: Role = Role.BYTES


_ROLES: Final = {"d": Role.TREE, "f": Role.BYTES, "x": Role.BYTES}


def referred(body: Json) -> set[Digest]:
    """Digests of all the objects that ``body`` refers to as content, at any depth."""
    return {each.name for each in contents(body)}


def contents(
    body: Json, path: str = "", *, trees: bool = False, wide: bool = False
) -> Iterator[Reference]:
    """The objects that ``body`` refers to as content, and with ``trees`` those named as trees."""
    pending: list[tuple[str, Json]] = [(path, body)]
    while pending:
        place, value = pending.pop()
        match value:
            case {"size": int(), "digest": bytes(name), **rest} if (
                "data" not in rest and len(name) == _DIGEST_BYTES
            ):
                yield Reference(place, Digest(name))
            case dict() as fields:
                for key, inner in fields.items():
                    within = f"{place}.{key}" if place else key
                    if trees and key in TREE_KEYS and isinstance(inner, bytes):
                        yield from _named(within, inner, Role.TREE)
                    else:
                        pending.append((within, inner))
            case list() as items:
                pending.extend((f"{place}[{at}]", item) for at, item in enumerate(items))
            case bytes() as name if wide:
                yield from _named(place, name, Role.ANY)
            case _:
                continue


def of_record(
    attributes: dict[str, Json], payload: bytes | None, *, wide: bool = False
) -> Iterator[Reference]:
    """What a record names, also in a trace that stands in it."""
    for each in contents(attributes, wide=wide):
        yield each._replace(role=Role.TRACE) if each.path == TRACE else each
    match attributes.get(TRACE):
        case {"size": int(), "digest": bytes(name), "data": bytes(data)}:
            yield from within(data, Reference(TRACE, Digest(name), Role.TRACE), wide=wide)
        case _:
            pass
    if payload is not None:
        yield Reference("payload", Digest(payload))


def within(data: bytes, at: Reference, *, wide: bool = False) -> Iterator[Reference]:
    """What the object ``at``, whose bytes are ``data``, names in turn."""
    body = None if at.role is Role.BYTES else _decoded(data)
    match body:
        case [str(form), list(rows)] if form == TREE_FORM and at.role is not Role.TRACE:
            yield from _in_tree(rows, at.path)
        case list(steps) if at.role is Role.TRACE and all(map(_is_step, steps)):
            yield from contents(body, TRACE, trees=True, wide=wide)
        case _ if wide:
            yield from contents(body, at.path, trees=True, wide=True)
        case _:
            return


def _in_tree(rows: list[Json], path: str) -> Iterator[Reference]:
    for row in rows:
        match row:
            case [bytes(name), str(kind), int(), bytes(content)] if kind in _ROLES:
                place = f"{path}/{name.decode(errors='replace')}"
                yield from _named(place, content, _ROLES[kind])
            case _:
                continue


def _named(path: str, name: bytes, role: Role) -> Iterator[Reference]:
    if len(name) == _DIGEST_BYTES:
        yield Reference(path, Digest(name), role)


def _decoded(data: bytes) -> Json:
    try:
        return decode(data)
    except CanonicalError:
        return None


def _is_step(value: Json) -> bool:
    match value:
        case [str(), _, _, list(nested)]:
            return all(map(_is_step, nested))
        case _:
            return False
