"""Modules as restricted programs get them: a plain object with the public names that are no modules.

A real module is a way out (its own imports lie in it); a facade holds values only, taken once.
Withheld are names that would evaluate text, look attributes up by text, or format with either.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined"

import importlib
from types import ModuleType

from .guards import allowed_name, is_metaclass

NEVER = frozenset(
    "_thread ast asyncio atexit bdb builtins code codecs codeop compileall concurrent ctypes dbm dis faulthandler fcntl "
    "gc importlib inspect io logging marshal mmap multiprocessing nt operator os pathlib pdb pickle pkgutil "
    "platform posix profile pty resource runpy shelve shutil signal site socket ssl subprocess symtable "
    "sys sysconfig tempfile threading timeit trace traceback tracemalloc types unittest warnings weakref zipimport".split()
)
"""Refused even when a manifest lists them: each hands out the interpreter, or objects beneath it."""

WITHHELD = {
    "collections": {"UserString", "abc"},
    "dataclasses": {"make_dataclass"},
    "functools": {"singledispatch", "singledispatchmethod", "update_wrapper", "wraps"},
    "string": {"Formatter"},
    "typing": {"ForwardRef", "evaluate_forward_ref", "get_type_hints", "no_type_check"},
}


class Facade:
    """A module's public values."""

    def __init__(self, name, values) -> None:
        self.__dict__.update(values)
        self.__dict__["__name__"] = name

    def __repr__(self):
        return f"<module {self.__name__!r}, restricted>"


class Importer:
    """``__import__`` of a restricted program: the allow-list, and nothing beside it."""

    def __init__(self, allowed) -> None:
        self._allowed = frozenset(allowed)
        self._made: dict = {}

    def __call__(self, name, globals=None, locals=None, fromlist=(), level=0):
        if level or name not in self._allowed or name.partition(".")[0] in NEVER:
            listed = ", ".join(sorted(self._allowed - NEVER)) or "nothing"
            raise ImportError(f"import of {name!r} is not allowed here; allowed: {listed}")
        if "." in name and not fromlist:
            raise ImportError(f"write `from {name} import …`; a package is no single facade")
        return self._facade(name)

    def _facade(self, name):
        if name not in self._made:
            self._made[name] = Facade(name, _public(importlib.import_module(name)))
        return self._made[name]


def _public(module) -> dict:
    """The values guests may have."""
    names = getattr(module, "__all__", None)
    if names is None:
        names = [name for name in vars(module) if not name.startswith("_")]
    values = {}
    withheld = WITHHELD.get(module.__name__, set())
    for name in names:
        value = getattr(module, name, None)
        if (
            name in withheld
            or name.startswith("_")
            or isinstance(value, ModuleType)
            or is_metaclass(value)
        ):
            continue
        values[allowed_name(name)] = value
    if module.__name__ == "functools":
        values["wraps"] = _wraps
    return values


def _wraps(wrapped):
    """``functools.wraps`` with its defaults; other attribute names would be a way around the guards."""
    import functools

    return functools.wraps(wrapped)
