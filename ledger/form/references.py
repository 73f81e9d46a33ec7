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
"""

from collections.abc import Iterator
from enum import Enum, auto
from typing import Final, NamedTuple

from ledger.errors import CanonicalError
from ledger.form.canonical import Digest, Json, decode

TRACE: Final = "trace"
TREE_FORM: Final = "os2.tree/1"
TREE_KEYS: Final = frozenset({"tree", "before", "after", "packages", "work"})
"""Keys under which a trace names trees."""
_DIGEST_BYTES: Final = 32


class Role(Enum):
    """What an object is named as."""

    BYTES = auto()
    TRACE = auto()
    TREE = auto()


class Reference(NamedTuple):
    """An object that is named, and where, for people to read."""

    path: str
    name: Digest
    role: Role = Role.BYTES


_ROLES: Final = {"d": Role.TREE, "f": Role.BYTES, "x": Role.BYTES}


def referred(body: Json) -> set[Digest]:
    """Digests of all the objects that ``body`` refers to as content, at any depth."""
    return {each.name for each in contents(body)}


def contents(body: Json, path: str = "", *, trees: bool = False) -> Iterator[Reference]:
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
            case _:
                continue


def of_record(attributes: dict[str, Json], payload: bytes | None) -> Iterator[Reference]:
    """What a record names, also in a trace that stands in it."""
    for each in contents(attributes):
        yield each._replace(role=Role.TRACE) if each.path == TRACE else each
    match attributes.get(TRACE):
        case {"size": int(), "digest": bytes(), "data": bytes(data)}:
            yield from _in_trace(data)
        case _:
            pass
    if payload is not None:
        yield Reference("payload", Digest(payload))


def within(data: bytes, at: Reference) -> Iterator[Reference]:
    """What the object ``at``, whose bytes are ``data``, names in turn."""
    if at.role is Role.TRACE:
        yield from _in_trace(data)
    elif at.role is Role.TREE:
        yield from _in_tree(data, at.path)


def _in_trace(data: bytes) -> Iterator[Reference]:
    """What the trace ``data`` names; nothing where it is none."""
    steps = _decoded(data)
    if isinstance(steps, list) and all(map(_is_step, steps)):
        yield from contents(steps, TRACE, trees=True)


def _in_tree(data: bytes, path: str) -> Iterator[Reference]:
    """What the tree ``data`` names, below its own ``path``; nothing where it is none."""
    match _decoded(data):
        case [str(form), list(rows)] if form == TREE_FORM:
            for row in rows:
                match row:
                    case [bytes(name), str(kind), int(), bytes(content)] if kind in _ROLES:
                        place = f"{path}/{name.decode(errors='replace')}"
                        yield from _named(place, content, _ROLES[kind])
        case _:
            return


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
