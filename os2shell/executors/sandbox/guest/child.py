"""Boot of an interpreter that the guest started: builds its world, and reads its command line.

What is not handed over is the control socket: standard input is what the parent gave.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined"

import os
import sys

from . import children, clock, entropy, entry, extensions, hooks, host, imports, locks, net

_WITH_VALUE = "WX"
_PASSED_ON = "bBdOquv"
_SWALLOWED = "EIPsSx"


class Line:
    """A command line, taken apart: ``flags`` for the interpreter, what to run, its arguments."""

    def __init__(self) -> None:
        self.flags: "list[str]" = []
        self.kind = "stdin"
        self.target = ""
        self.arguments: "list[str]" = []


def parsed(words) -> Line:
    """Read the words after the program's name, as CPython does."""
    line = Line()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "-" or not word.startswith("-"):
            line.kind = "stdin" if word == "-" else "script"
            line.target = word
            line.arguments = rest
            return line
        if word.startswith("--"):
            if word.startswith("--check-hash-based-pycs"):
                rest[:1] = []
                continue
            raise OSError(95, f"python {word} is refused in a sandbox")
        if _letters(word[1:], rest, line):
            line.arguments = rest
            return line
    return line


def _letters(letters: str, rest, line: Line) -> bool:
    """One word of short options; True when it named what to run."""
    for at, letter in enumerate(letters):
        if letter in "cm":
            line.kind = "code" if letter == "c" else "module"
            line.target = letters[at + 1 :] or (rest.pop(0) if rest else "")
            return True
        if letter in _WITH_VALUE:
            value = letters[at + 1 :] or (rest.pop(0) if rest else "")
            line.flags += [f"-{letter}", value]
            return False
        if letter in _PASSED_ON:
            line.flags.append(f"-{letter}")
        elif letter not in _SWALLOWED:
            raise OSError(95, f"python -{letter} is refused in a sandbox")
    return False


def main() -> int:
    """Run what the command line says; the value is the program's exit code."""
    seed_text, start_text, rules_text = sys.argv[1].split(":")
    seed, start = bytes.fromhex(seed_text), int(start_text)
    words = [word for word in bytes.fromhex(rules_text).decode().split("\0") if word]
    line = parsed(sys.argv[2:])
    locks.install(seed, _tell, os._exit)
    clock.install(start)
    entropy.install(seed)
    host.install(start)
    net.install(seed, start)
    hooks.install()
    extensions.install()
    children.install(words)
    sys.path.remove("/os2")
    if line.kind == "stdin":
        line.kind, line.target = "code", sys.stdin.read()
    record = imports.Record()
    plan = entry.Plan(
        restricted=False,
        kind=line.kind,
        target=line.target,
        arguments=line.arguments,
        imports=words,
        record=record,
    )
    imports.hold(imports.Rules(words), record)
    return entry.perform(plan)[0]


def _tell(_code: int, _cause: str) -> None:
    """Nobody listens: only the first process of a run has the host's ear."""
