"""Parsed arguments to canonical content and back.

The ledger keeps what a command understood, never the raw line. Arguments are frozen dataclasses
whose fields are ``str``, ``int``, ``bool``, ``None``, a ``StrEnum``, or a tuple of ``str``.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from ledger import Json
from os2shell.model.errors import Unreadable

A = TypeVar("A")


def to_json(arguments: object) -> dict[str, Json]:
    """The fields of ``arguments``, by name, in canonical form."""
    assert dataclasses.is_dataclass(arguments)
    return {
        field.name: _plain(getattr(arguments, field.name))
        for field in dataclasses.fields(arguments)
    }


def from_json(kind: type[A], body: Json) -> A:
    """Rebuild arguments of type ``kind``; raises ``Unreadable`` where the fields do not fit."""
    assert dataclasses.is_dataclass(kind)
    hints = typing.get_type_hints(kind)
    names = {field.name for field in dataclasses.fields(kind)}
    if not isinstance(body, Mapping) or set(body) != names:
        raise Unreadable(
            f"recorded arguments {sorted(body) if isinstance(body, Mapping) else body!r}",
            expected=f"the fields {sorted(names)} of this version's command",
            remedy="replay it with the os2shell version that recorded it",
        )
    return kind(**{name: _typed(hints[name], value) for name, value in body.items()})


def _plain(value: object) -> Json:
    match value:
        case StrEnum():
            return str(value)
        case None | bool() | int() | str():
            return value
        case tuple():
            return [_plain(item) for item in value]
        case _:
            raise TypeError(f"{type(value).__name__} is no argument type")


def _typed(hint: object, value: Json) -> object:
    if isinstance(hint, types.UnionType):
        options = [option for option in typing.get_args(hint) if option is not types.NoneType]
        return None if value is None else _typed(options[0], value)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(str(value))
    if isinstance(value, list):
        return tuple(str(item) for item in value)
    return value
