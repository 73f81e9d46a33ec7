"""What the restricted tier's transformed code calls instead of the bare operations.

No guard hands out a module, a name with a leading underscore, or a frame, code or generator's
inside; ``str.format`` looks fields up through the same guards. Items and iteration need no guard of
their own: nothing that must not be reached lies in any container that guests get.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined"

import _string  # type: ignore[import-not-found]
import builtins
import functools
import operator
import string
from types import FunctionType, ModuleType

from RestrictedPython.Guards import (
    guarded_iter_unpack_sequence,
    guarded_unpack_sequence,
    safe_builtins,
)
from RestrictedPython.transformer import INSPECT_ATTRIBUTES

_MISSING = object()
_WRITABLE = (dict, list, set, bytearray)
_INPLACE = {
    "+=": operator.iadd, "-=": operator.isub, "*=": operator.imul, "/=": operator.itruediv,
    "%=": operator.imod, "**=": operator.ipow, "<<=": operator.ilshift, ">>=": operator.irshift,
    "|=": operator.ior, "^=": operator.ixor, "&=": operator.iand, "//=": operator.ifloordiv,
    "@=": operator.imatmul,
}  # fmt: skip
_guest_classes: set = set()


def allowed_name(name) -> str:
    """``name``, if guests may use it as an attribute's."""
    if type(name) is not str:
        raise TypeError("an attribute's name must be a plain string")
    if name.startswith("_") or name in INSPECT_ATTRIBUTES:
        raise AttributeError(f"{name!r} is closed to restricted programs")
    return name


def guarded_getattr(object, name, default=_MISSING, /):
    """``getattr`` within the policy."""
    allowed_name(name)
    if name in ("format", "format_map"):
        text = _string_format(object, name)
        if text is not None:
            return text
    value = getattr(object, name) if default is _MISSING else getattr(object, name, default)
    if isinstance(value, ModuleType) or is_metaclass(value):
        raise AttributeError(
            f"{name!r} is a module or metaclass, and closed to restricted programs"
        )
    return value


def _string_format(object, name):
    """A safe ``format`` for strings and for string classes; None for anything else."""
    if isinstance(object, str):
        return functools.partial(_SAFE[name], object)
    if isinstance(object, type) and issubclass(object, str):
        return _SAFE[name]
    return None


class _Formatter(string.Formatter):
    """Fields are looked up through the guards."""

    def get_field(self, field_name, args, kwargs):
        first, rest = _string.formatter_field_name_split(field_name)
        value = self.get_value(first, args, kwargs)
        for is_attribute, part in rest:
            value = guarded_getattr(value, part) if is_attribute else value[part]
        return value, first


def _format(text, /, *args, **kwargs):
    return _Formatter().vformat(text, args, kwargs)


def _format_map(text, mapping, /):
    return _Formatter().vformat(text, (), mapping)


_SAFE = {"format": _format, "format_map": _format_map}


def is_metaclass(value) -> bool:
    """Whether calling ``value`` makes classes: with that, any special method could be defined."""
    return isinstance(value, type) and issubclass(value, type)


def guarded_hasattr(object, name, /):
    """``hasattr`` within the policy."""
    try:
        guarded_getattr(object, name)
    except AttributeError:
        return False
    return True


def guarded_setattr(object, name, value, /):
    """``setattr`` within the policy."""
    setattr(writable(object), allowed_name(name), value)


def guarded_delattr(object, name, /):
    """``delattr`` within the policy."""
    delattr(writable(object), allowed_name(name))


def writable(object):
    """``object``, if guests may change it: containers, their own classes, instances and functions."""
    kind = type(object)
    own = (
        kind in _guest_classes or object in _guest_classes
        if isinstance(object, type)
        else kind in _guest_classes
    )
    if own or isinstance(object, _WRITABLE) or kind.__module__ == "collections":
        return object
    if kind is FunctionType and object.__globals__.get("__metaclass__") is METACLASS:
        return object
    raise TypeError(f"a restricted program cannot change a {kind.__name__}")


def inplace(sign, target, value):
    """``x += v``."""
    return _INPLACE[sign](target, value)


def inplace_item(sign, container, key, value):
    """``c[k] += v``."""
    writable(container)[key] = _INPLACE[sign](container[key], value)


def inplace_attribute(sign, object, name, value):
    """``o.n += v``."""
    guarded_setattr(object, name, _INPLACE[sign](guarded_getattr(object, name), value))


def apply(function, /, *args, **kwargs):
    """A call with ``*args`` or ``**kwargs``."""
    return function(*args, **kwargs)


def one_argument_type(object, /):
    """``type(x)``; classes are made by class statements only."""
    found = type(object)
    if is_metaclass(found):
        raise TypeError("the class of a class is closed to restricted programs")
    return found


class Metaclass:
    """Makes guest classes by the metaclass their bases ask for, and remembers them."""

    def __prepare__(self, name, bases, **_):
        return self._winner(bases).__prepare__(name, bases)

    def __call__(self, name, bases, contents, **_):
        made = self._winner(bases)(name, bases, contents)
        _guest_classes.add(made)
        return made

    @staticmethod
    def _winner(bases):
        winner = type
        for base in bases:
            if is_metaclass(base):
                raise TypeError("a restricted program cannot define metaclasses")
            if issubclass(type(base), winner):
                winner = type(base)
        return winner


METACLASS = Metaclass()

_PLAIN = (
    "all any ascii bin bytearray bytes classmethod dict enumerate filter format frozenset input iter "
    "list map max min next object print property reversed set sorted staticmethod sum super tuple zip"
).split()


def namespace(importer) -> dict:
    """The globals of a restricted program."""
    offered = {**safe_builtins, **{name: getattr(builtins, name) for name in _PLAIN}}
    for name, value in vars(builtins).items():
        if isinstance(value, type) and issubclass(value, BaseException) and "Group" not in name:
            offered[name] = value
    offered |= {
        "__import__": importer, "delattr": guarded_delattr, "getattr": guarded_getattr,
        "hasattr": guarded_hasattr, "setattr": guarded_setattr, "type": one_argument_type,
    }  # fmt: skip
    offered.pop("_getattr_", None)
    return {
        "__builtins__": offered, "__name__": "__main__", "__metaclass__": METACLASS,
        "_apply_": apply, "_getattr_": guarded_getattr, "_getitem_": operator.getitem,
        "_getiter_": iter, "_inplace_attribute_": inplace_attribute, "_inplace_item_": inplace_item,
        "_inplacevar_": inplace, "_iter_unpack_sequence_": guarded_iter_unpack_sequence,
        "_unpack_sequence_": guarded_unpack_sequence, "_write_": writable,
    }  # fmt: skip
