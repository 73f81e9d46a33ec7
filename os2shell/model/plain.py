"""Dataclasses to canonical content and back: arguments of commands, answers of executors.

The ledger keeps what a command understood, never the raw line; and dicts stop here. Fields are
``str``, ``int``, ``bool``, ``bytes``, ``None``, a ``StrEnum``, ``Json``, another such dataclass, or
a tuple of one of these. A field that a later version added carries the metadata ``ADDED`` and a
default; while it holds that default it is left out, so older records keep their bytes and meaning.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar, cast

from ledger import Json
from os2shell.model.errors import Unreadable

A = TypeVar("A")

ADDED = types.MappingProxyType({"added": True})
"""Metadata of a field that earlier versions did not know; it needs a default."""


def to_json(value: object) -> dict[str, Json]:
    """The fields of ``value``, by name, in canonical form."""
    assert dataclasses.is_dataclass(value)
    return {
        field.name: _plain(given)
        for field in dataclasses.fields(value)
        if (given := getattr(value, field.name)) != field.default or not _added(field)
    }


def from_json(kind: type[A], body: Json) -> A:
    """Rebuild a ``kind``; raises ``Unreadable`` where the fields do not fit."""
    assert dataclasses.is_dataclass(kind)
    hints = typing.get_type_hints(kind)
    names = {field.name for field in dataclasses.fields(kind)}
    added = {field.name for field in dataclasses.fields(kind) if _added(field)}
    if not isinstance(body, Mapping) or not names - added <= set(body) <= names:
        raise Unreadable(
            f"recorded fields {sorted(body) if isinstance(body, Mapping) else body!r}",
            expected=f"the fields {sorted(names)} of this version",
            remedy="read it with the os2shell version that recorded it",
        )
    return kind(**{name: _typed(hints[name], value) for name, value in body.items()})


def all_from_json(kind: type[A], body: Json) -> tuple[A, ...]:
    """Rebuild a list of ``kind``."""
    if not isinstance(body, list):
        raise Unreadable(f"a recorded {type(body).__name__}", expected="a list")
    return tuple(from_json(kind, item) for item in body)


def _added(field: "dataclasses.Field[object]") -> bool:
    return "added" in field.metadata


def _plain(value: object) -> Json:
    match value:
        case StrEnum():
            return str(value)
        case None | bool() | int() | str() | bytes() | list() | dict():
            return value
        case tuple():
            return [_plain(item) for item in value]
        case _ if dataclasses.is_dataclass(value):
            return to_json(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no canonical form")


def _typed(hint: object, value: Json) -> object:
    if isinstance(hint, types.UnionType) and value is not None:
        options = [option for option in typing.get_args(hint) if option is not types.NoneType]
        return _typed(options[0], value) if len(options) == 1 else value
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(str(value))
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return from_json(cast("type[object]", hint), value)
    if typing.get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_typed(typing.get_args(hint)[0], item) for item in value)
    return value
