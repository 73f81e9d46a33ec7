"""Runs a program of the restricted tier: compiled by the policy, with guarded globals.

A program that breaks the policy is not started: each offence is named with its line, exit code 1.
What it does at run time against the guards is an ordinary exception in its own traceback. Workspace
modules that the manifest pins are compiled by the same policy, into a world of their own.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined"

import os
import sys
from types import ModuleType


def run(plan, record) -> None:
    """Run ``plan``; raises what the program raises, SystemExit(1) for a policy violation."""
    sys.path.insert(0, "/os2")
    try:
        from .facades import Importer
        from .imports import Rules
        from .offered import namespace
        from .policy import compiled
    finally:
        sys.path.remove("/os2")
    source, filename = _source(plan)
    sys.argv = [plan.target if plan.kind == "script" else "-c", *plan.arguments]

    def load(name, pin, values) -> None:
        """Run the pinned module ``name``; what it binds becomes ``values``, for importers to see."""
        text, path = _pinned(name, pin)
        code, offences = compiled(text, path, "exec")
        if offences:
            told = "; ".join(offence.told(path) for offence in offences)
            raise ImportError(f"module {name!r} breaks the policy: {told}", name=name)
        inner = namespace(importer, name)
        plan.worlds.append(inner)
        closed = frozenset(inner)
        if name.partition(".")[0] not in sys.stdlib_module_names:
            sys.modules.setdefault(
                name, ModuleType(name)
            )  # where dataclasses look for a class's home
        exec(code, inner)
        values.update((key, inner[key]) for key in inner if key not in closed and key[:1] != "_")

    importer = Importer(Rules(plan.imports), record, load)
    world = namespace(importer)
    plan.worlds.append(world)
    if plan.kind == "eval" and _is_expression(source):
        value = eval(_allowed(compiled(source.strip(), filename, "eval"), source, filename), world)
        if value is not None:
            print(repr(value))
        return
    exec(_allowed(compiled(source, filename, "exec"), source, filename), world)


def _source(plan) -> "tuple[str, str]":
    """The program's text and the name it is shown under."""
    if plan.kind == "module":
        print("pyvm: not allowed: modules cannot be run here: give a script", file=sys.stderr)
        raise SystemExit(1)
    if plan.kind != "script":
        return plan.target, "<string>"
    path = os.path.normpath(os.path.join("/w", plan.target))
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        print(
            f"pyvm: can't open file {path!r}: [Errno {error.errno}] {error.strerror}",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    return _decoded(data), path


def _decoded(data: bytes) -> str:
    from importlib.util import decode_source

    return decode_source(data)


def _pinned(name: str, pin: str) -> "tuple[str, str]":
    """The text of a pinned module and its path; raises ImportError where its bytes are others."""
    if not pin.startswith("sha256:"):
        raise ImportError(f"pinned module {name!r} {pin.lstrip('!')}", name=name)
    path = "/w/" + name.replace(".", "/") + ".py"
    import hashlib

    with open(path, "rb") as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != pin.removeprefix("sha256:"):
        raise ImportError(f"pinned module {name!r} changed while the program ran", name=name)
    return _decoded(data), path


def _is_expression(source: str) -> bool:
    try:
        compile(source.strip(), "<string>", "eval", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def _allowed(result, source, filename):
    """The code, or an end with every offence named."""
    code, offences = result
    if not offences:
        return code
    lines = source.splitlines()
    for offence in offences:
        print(f"pyvm: {filename}:{offence.line}: not allowed: {offence.rule}", file=sys.stderr)
        if 0 < offence.line <= len(lines):
            print(f"    {lines[offence.line - 1].strip()[:200]}", file=sys.stderr)
        if offence.instead:
            print(f"  instead: {offence.instead}", file=sys.stderr)
    raise SystemExit(1)
