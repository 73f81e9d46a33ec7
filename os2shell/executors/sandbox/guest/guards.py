"""What the restricted tier's transformed code calls instead of the bare operations.

Guarded are the ways to a value: attributes, formats, imports, classes. None hands out a module, a
metaclass, a frame or a code object, a name with a leading underscore, or the bare ``str.format``.
Moving a value on (iterating, indexing, calling) needs no guard then: nothing that must not be reached
lies in any container that guests get (docs/decisions/0013).
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined"

import abc
import collections
from types import CodeType, FrameType, FunctionType, MethodType, ModuleType, TracebackType

from RestrictedPython.transformer import INSPECT_ATTRIBUTES

from .formats import FORMATS, text_format

READABLE = frozenset({"__name__", "__qualname__", "__doc__"})
"""Underscored attributes that anybody may read: texts."""
JUDGED = FORMATS | {"register"}
"""Names of methods that guests get a guarded version of, where the value is the one that is meant."""

_MISSING = object()
_SUSPECT = frozenset({ModuleType, FrameType, CodeType, type})
_CONTAINERS = frozenset({
    dict, list, set, bytearray, collections.defaultdict, collections.OrderedDict, collections.Counter,
    collections.deque, collections.ChainMap, collections.UserDict, collections.UserList,
})  # fmt: skip
own_classes: set = set()
"""Classes that guests defined; their instances are the guests' to change."""
bases: set = set()
"""Classes of ours that guests may inherit from."""


def allowed_name(name) -> str:
    """``name``, if guests may use it as an attribute's."""
    if type(name) is not str:
        raise TypeError("an attribute's name must be a plain string")
    if name.startswith("_") or name in INSPECT_ATTRIBUTES:
        raise AttributeError(f"{name!r} is closed to restricted programs")
    return name


def read(object, name):
    """``object.name`` where the policy has judged ``name`` already."""
    value = getattr(object, name)
    if type(value) in _SUSPECT:
        return opened(value, name)
    return value


def opened(value, name):
    """``value``, unless its kind is closed."""
    if isinstance(value, (ModuleType, FrameType, CodeType, TracebackType)) or is_metaclass(value):
        raise AttributeError(
            f"{name!r} is a {type(value).__name__}, and closed to restricted programs"
        )
    return value


def guarded_getattr(object, name, default=_MISSING, /):
    """``getattr`` within the policy."""
    if type(name) is not str or name not in READABLE:
        allowed_name(name)
    value = getattr(object, name) if default is _MISSING else getattr(object, name, default)
    if name in FORMATS:
        value = text_format(value, name, guarded_getattr)
    elif name == "register":
        value = _registering(value)
    return opened(value, name)


def _registering(value):
    """``value``; where it is a class's ``ABC.register``, one that takes the guest's own classes only.

    An instance by registration alone is matched by ``case C(x)``, which reads what ``C`` calls its fields.
    """
    if value is not abc.ABCMeta.register and (
        type(value) is not MethodType or value.__func__ is not abc.ABCMeta.register
    ):
        return value

    def register(*arguments):
        if arguments[-1] not in own_classes:
            raise TypeError("a restricted program can register classes of its own only")
        return value(*arguments)

    return register


def read_special(object, name):
    """``super().__special__``, and of nothing but a real ``super()``."""
    if type(object) is not super or issubclass(type(object.__self__), type):
        raise AttributeError(f"{name!r} is for super() of an instance only in restricted programs")
    return getattr(object, name)


def is_metaclass(value) -> bool:
    """Whether calling ``value`` makes classes: with that, any special method could be defined."""
    return issubclass(type(value), type) and issubclass(value, type)


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
    if kind in _CONTAINERS or kind in own_classes:
        return object
    return _rarely_writable(object, kind)


def _rarely_writable(object, kind):
    if issubclass(kind, type) and object in own_classes:
        return object
    if kind is FunctionType and object.__globals__.get("__metaclass__") is METACLASS:
        return object
    if kind.__module__ == "decimal" and kind.__name__ == "Context":
        return object
    if issubclass(kind, dict) and kind.__qualname__ == "SignalDict":
        return object
    raise TypeError(
        f"a restricted program cannot change a {kind.__name__}: it is none of its own, and no container"
    )


def check_fields(cls) -> None:
    """Refuse a text whose fields would be read past the guards, as ``case C(x)`` and ``astuple`` do."""
    if issubclass(cls, str) and (
        hasattr(cls, "__match_args__") or hasattr(cls, "__dataclass_fields__")
    ):
        raise TypeError(
            "a text cannot be a dataclass in restricted programs: its fields hide methods"
        )


class TypeStandIn:
    """``type`` with one argument: ``type(x)``, ``isinstance(x, type)``, ``type[C]`` in annotations."""

    __slots__ = ()

    def __call__(self, *arguments, **keywords):
        if len(arguments) != 1 or keywords:
            raise TypeError(
                "type() takes one argument in restricted programs; write a class statement"
            )
        found = type(arguments[0])
        return self if is_metaclass(found) else found

    def __getitem__(self, item):
        return object

    def __or__(self, other):
        return object

    __ror__ = __or__

    def __instancecheck__(self, value):
        return isinstance(value, type)

    def __subclasscheck__(self, value):
        return False

    def __repr__(self):
        return "<class 'type'>"


class Metaclass:
    """Makes guest classes by the metaclass their bases ask for, and remembers them."""

    def __prepare__(self, name, parents, **_):
        return self._winner(parents).__prepare__(name, parents)

    def __call__(self, name, parents, contents, **_):
        made = self._winner(parents)(name, parents, contents)
        if issubclass(type(made), type):
            check_fields(made)
            own_classes.add(made)
        return made

    @staticmethod
    def _winner(parents):
        winner = type
        for parent in parents:
            if not issubclass(type(parent), type) or is_metaclass(parent):
                raise TypeError("a restricted program cannot define metaclasses")
            if parent not in bases and parent not in own_classes:
                raise TypeError(f"a restricted program cannot inherit from {parent.__name__}")
            if issubclass(type(parent), winner):
                winner = type(parent)
        return winner


METACLASS = Metaclass()
