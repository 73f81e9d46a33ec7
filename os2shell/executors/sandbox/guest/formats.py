"""``str.format`` and ``str.format_map`` for restricted programs: fields are looked up by a guard.

A text whose fields name no attribute and no item goes the C way, which then looks nothing up.
"""

# Stand-ins for untyped C functions, and foreign classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined"

import _string  # type: ignore[import-not-found]
from types import BuiltinMethodType, MethodDescriptorType

FORMATS = frozenset({"format", "format_map"})


def text_format(value, name, lookup):
    """``value``, found under ``name``; where it is a text's own C method, the guarded one instead."""
    kind = type(value)
    if kind is MethodDescriptorType and issubclass(value.__objclass__, str):
        return _unbound(name, lookup)
    if kind is BuiltinMethodType and issubclass(type(value.__self__), str):
        text, act = value.__self__, _unbound(name, lookup)

        def bound(*args, **kwargs):
            return act(text, *args, **kwargs)

        bound.__name__ = bound.__qualname__ = name
        return bound
    return value


def _unbound(name, lookup):
    if name == "format":

        def format(text, /, *args, **kwargs):
            if _looks_nothing_up(text):
                return str.format(text, *args, **kwargs)
            return _formatter(lookup).vformat(text, args, kwargs)

        return format

    def format_map(text, mapping, /):
        return _formatter(lookup).vformat(text, (), mapping)

    return format_map


def _looks_nothing_up(text) -> bool:
    """Whether no field's name goes on with ``.`` or ``[`` (a name ends at ``:``, ``!`` or ``}``)."""
    for piece in str.split(text, "{")[1:]:
        for character in piece:
            if character in ".[":
                return False
            if character in ":!}":
                break
    return True


_made: dict = {}


def _formatter(lookup):
    """The one formatter over ``lookup``; made when a text first needs it."""
    if lookup not in _made:
        import string

        class Formatter(string.Formatter):
            """Fields are looked up through the guard."""

            def get_field(self, field_name, args, kwargs):
                first, rest = _string.formatter_field_name_split(field_name)
                value = self.get_value(first, args, kwargs)
                for is_attribute, part in rest:
                    value = lookup(value, part) if is_attribute else value[part]
                return value, first

        _made[lookup] = Formatter()
    return _made[lookup]
