"""The command line of a Python interpreter, read as CPython reads it.

What the guest's children keep of it: warnings, optimisation, verbosity. What would shut this runtime
out (``-I``, ``-E``, ``-S`` …) says no more than the runtime does already, and is dropped; what it
cannot give is refused.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

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
