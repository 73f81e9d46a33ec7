"""Runs a program of the restricted tier: compiled by the policy, with guarded globals.

A program that breaks the policy is not started: each offence is named with its line, exit code 1.
What it does at run time against the guards is an ordinary exception in its own traceback.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined"

import os
import sys


def run(plan) -> None:
    """Run ``plan``; raises what the program raises, SystemExit(1) for a policy violation."""
    sys.path.insert(0, "/os2")
    try:
        from RestrictedPython import compile_restricted_eval, compile_restricted_exec

        from .facades import Importer
        from .guards import namespace
        from .policy import Policy
    finally:
        sys.path.remove("/os2")
    source, filename = _source(plan)
    sys.argv = [plan.target if plan.kind == "script" else "-c", *plan.arguments]
    world = namespace(Importer(plan.imports))
    if plan.kind == "eval" and _is_expression(source):
        code = _compiled(compile_restricted_eval(source.strip(), filename, policy=Policy))
        value = eval(code, world)
        if value is not None:
            print(repr(value))
        return
    compile(source, filename, "exec", dont_inherit=True)  # a plain mistake is shown as CPython does
    exec(_compiled(compile_restricted_exec(source, filename, policy=Policy)), world)


def _source(plan) -> "tuple[str, str]":
    """The program's text and the name it is shown under."""
    if plan.kind == "module":
        _refuse(["modules cannot be run here: give a script"])
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
    from importlib.util import decode_source

    return decode_source(data), path


def _is_expression(source: str) -> bool:
    try:
        compile(source.strip(), "<string>", "eval", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def _compiled(result):
    """The code, or an end with every offence named."""
    if result.errors:
        _refuse(result.errors)
    return result.code


def _refuse(offences) -> None:
    for offence in offences:
        print(f"pyvm: not allowed: {offence}", file=sys.stderr)
    raise SystemExit(1)
