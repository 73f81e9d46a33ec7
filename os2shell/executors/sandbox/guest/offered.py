"""The globals and builtins of a restricted program."""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined"

import builtins

from . import guards

_PLAIN = (
    "Ellipsis False None NotImplemented True __build_class__ abs all any ascii bin bool bytearray bytes callable chr "
    "classmethod complex dict divmod enumerate filter float format frozenset hash hex id input int isinstance "
    "issubclass iter len list map max min next object oct ord pow property range repr reversed round set slice "
    "sorted staticmethod str sum super tuple zip"
).split()
_ABSENT = {
    "open": "read with input(); programs with files run in the native tier (python)",
    "eval": "json.loads reads data; ast-like text needs a parser of your own",
    "exec": "define a function",
    "compile": "define a function",
    "globals": "keep values in a dict of your own",
    "locals": "keep values in a dict of your own",
    "vars": "keep values in a dict of your own",
    "dir": "hasattr(x, name) asks for one name",
    "breakpoint": "print what you want to see",
    "memoryview": "slice bytes or bytearray",
    "help": "read the documentation outside",
    "__import__": "write an import statement",
}


def _absent(name: str, instead: str):
    def closed(*_arguments, **_keywords):
        raise NameError(f"{name}() is closed to restricted programs; instead: {instead}", name=name)

    return closed


def _print(*values, sep=" ", end="\n", flush=False):
    """``print``, to standard output only."""
    print(*values, sep=sep, end=end, flush=flush)


def _offered() -> dict:
    """The builtins, without imports."""
    offered = {name: getattr(builtins, name) for name in _PLAIN}
    for name, value in vars(builtins).items():
        if isinstance(value, type) and issubclass(value, BaseException) and "Group" not in name:
            offered[name] = value
    guards.bases.update(value for value in offered.values() if isinstance(value, type))
    guards.bases.difference_update((type, super))
    offered |= {name: _absent(name, instead) for name, instead in _ABSENT.items()}
    return offered | {
        "delattr": guards.guarded_delattr, "getattr": guards.guarded_getattr, "print": _print,
        "hasattr": guards.guarded_hasattr, "setattr": guards.guarded_setattr, "type": guards.TypeStandIn(),
    }  # fmt: skip


OFFERED = _offered()


class Values:
    """What a ``match`` statement's dotted names stand for, looked up by the guards."""

    def __init__(self, *values) -> None:
        for number, value in enumerate(values):
            setattr(self, f"v{number}", value)


def namespace(importer, name="__main__") -> dict:
    """The globals of one restricted module."""
    return {
        "__builtins__": {**OFFERED, "__import__": importer}, "__name__": name, "__doc__": None,
        "__metaclass__": guards.METACLASS, "_getattr_": guards.guarded_getattr, "_read_": guards.read,
        "_special_": guards.read_special, "_write_": guards.writable, "_values_": Values,
    }  # fmt: skip
