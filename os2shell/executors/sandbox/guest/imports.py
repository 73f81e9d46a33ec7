"""Import rules of a run, what came of them, and their hold on the native tier.

Rules are words: ``name`` allows, ``!name`` denies (its submodules too), ``!*`` denies what no word allows,
``name=sha256:…`` is a workspace module whose bytes must hash so, ``name=!reason`` one that cannot be taken.
In the native tier a denied name cannot be imported by anybody, the standard library included; an
allow-list judges what the program itself asks for, and lets what is allowed import what it needs. The
refusal sits in an audit hook, which nothing can remove, and in the one function below every import, from C
too. It is a rule for programs, not the wall: native code can do without imports. The wall is the sandbox.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,no-any-return,type-arg,method-assign"

import sys
from types import FrameType

NAMES_KEPT = 64
_NAME_BYTES = 100
_IMAGE = ("/py/", "/os2/", "<frozen ")
_BETWEEN = ("<frozen importlib", "/os2/os2guest/imports.py")


class Rules:
    """The words of one run, sorted by what they mean."""

    def __init__(self, words) -> None:
        self.closed = "!*" in words
        self.denied = frozenset(word[1:] for word in words if word[0] == "!" and word != "!*")
        pairs = [word.partition("=") for word in words if word[0] != "!"]
        self.allowed = frozenset(name for name, equals, _ in pairs if not equals)
        self.pinned = {name: pin for name, equals, pin in pairs if equals}

    def denies(self, name: str) -> bool:
        """Whether ``name``, or a package it lies in, is denied by name."""
        return _covers(self.denied, name)

    def offers(self, name: str) -> bool:
        """Whether a program may ask for ``name`` in the native tier."""
        return not self.denies(name) and (not self.closed or _covers(self.allowed, name))


def _covers(names, name: str) -> bool:
    while name not in names:
        name, dot, _ = name.rpartition(".")
        if not dot:
            return False
    return True


class Record:
    """Which imports were allowed, denied, pinned: each name once, the first of them kept, all counted."""

    def __init__(self) -> None:
        self.lists: dict = {"allowed": {}, "denied": {}, "pinned": {}}
        self._loaded: "frozenset | None" = None

    def note(self, what: str, name: str) -> None:
        """Remember ``name`` under ``what``."""
        self.lists[what].setdefault(name, None)

    def watch_loaded(self) -> None:
        """From now on, count whatever module is loaded as an allowed import."""
        self._loaded = frozenset(sys.modules)

    def fields(self) -> "list[bytes]":
        """The message's fields: for each list its names, zero-separated, and its count."""
        if self._loaded is not None:
            for name in [name for name in list(sys.modules) if type(name) is str]:
                if name not in self._loaded and name[:1] != "_" and "." not in name:
                    self.note("allowed", name)
        fields = [b"imports"]
        for names in self.lists.values():
            kept = [_plain(name) for name in list(names)[:NAMES_KEPT]]
            fields += [b"\0".join(kept), b"%d" % len(names)]
        return fields


def _plain(name: str) -> bytes:
    return name[:_NAME_BYTES].encode("ascii", "replace").replace(b"\0", b"?") or b"?"


def hold(rules: Rules, record: Record) -> None:
    """Refuse by name, from here to the end of this interpreter; without rules nothing is installed."""
    if not rules.closed and not rules.denied:
        return
    import _frozen_importlib as machinery
    import _imp

    def check(name, depth) -> None:
        if rules.denies(name):
            record.note("denied", name)
            raise refused(name)
        if rules.closed and not rules.offers(name) and not _from_image(depth + 1):
            record.note("denied", name)
            raise refused(name)

    def hook(event, arguments) -> None:
        if event == "import":
            if type(arguments[0]) is str:
                check(arguments[0], 1)
        elif event == "exec":
            name = _module_of(arguments[0])
            if name and rules.denies(name):
                record.note("denied", name)
                raise refused(name)

    find_and_load = machinery._find_and_load

    def _find_and_load(name, import_):
        check(name, 1)
        return find_and_load(name, import_)

    def guarding(create):
        def created(spec, *rest):
            check(spec.name, 1)  # one that is loaded already raises no event
            return create(spec, *rest)

        created.__name__ = created.__qualname__ = create.__name__
        return created

    for function in ("create_builtin", "create_dynamic"):
        setattr(_imp, function, guarding(getattr(_imp, function)))
    for name in [name for name in sys.modules if rules.denies(name)]:
        del sys.modules[name]
    machinery._find_and_load = _find_and_load
    sys.addaudithook(hook)


def refused(name: str) -> ImportError:
    """The error that names the rule."""
    return ImportError(f"import of {name!r} is denied by the manifest in force", name=name)


def _from_image(depth: int) -> bool:
    """Whether the code that asks, below this runtime and the import machinery, is the image's own."""
    frame: "FrameType | None" = sys._getframe(depth)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_BETWEEN) and "/importlib/" not in file:
            return file.startswith(_IMAGE)
        frame = frame.f_back
    return True


def _module_of(code) -> str:
    """The module that ``code`` would be, judged by its file in the image; "" for any other code."""
    file = getattr(code, "co_filename", "")
    if not file.startswith("/py/lib/") or code.co_name != "<module>":
        return ""
    path = file[len("/py/lib/") : -len(".py")].removesuffix("/__init__").split("/")
    first = next((place for place, part in enumerate(path) if part.startswith("python3")), -1)
    path = path[first + 1 :]
    if path[:1] == ["site-packages"]:
        path = path[1:]
    return ".".join(path)
