"""``.os2ignore``: what is not captured, and so neither visible inside nor brought back.

The language is gitignore's (gitignore(5), "Pattern format"): comments, ``!``, ``/`` to anchor, a
trailing ``/`` for folders, ``*``, ``?``, ``[…]``, ``**``. Only the file in the workspace's root
counts. The last matching line wins; what lies in an ignored folder cannot be brought back by
``!``.

Three layers in order: the defaults (caches, environments, secrets), the user's lines, and what no
line can bring back: the shell's own state. A line that is no pattern is an error with its number,
since a secret that a misspelt line was to keep out would otherwise be recorded for good.

Own code instead of the library ``pathspec``: that one takes 25 ms to import and asks every rule
for every path, while a capture has some 5 µs a file in total. Here one look at the name settles
nearly all.
"""

import errno
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from os2shell.executors.workspace.errors import IgnoreInvalid, shown

IGNORE_NAME = b".os2ignore"
IGNORE_BYTES = 1 << 20

DEFAULTS = (
    b".git/",
    b"__pycache__/",
    b"*.pyc",
    b".venv/",
    b"venv/",
    b"node_modules/",
    b".mypy_cache/",
    b".ruff_cache/",
    b".pytest_cache/",
    b".env",
    b".env.*",
)
"""Caches, environments and secrets; a ``!`` line in ``.os2ignore`` brings one back."""
BESIDE_GIT = tuple(line for line in DEFAULTS if line != b".git/")
"""The defaults of a run of git, which sees the repository itself."""

ALWAYS = (b"/.os2/", b".os2-apply-*/")
"""The shell's own state and its staging folders; nothing brings them back."""

REPEATED = re.compile(rb"(?:(?<=/)|\A)\*\*(?:/\*\*(?=/|\Z))+")
"""``**`` after ``**``: any number of any number of folders is any number of folders."""

WILD = re.compile(rb"[*?\[\\]")


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: its pattern as an expression over the name, or over the path when ``anchored``."""

    pattern: bytes
    expression: re.Pattern[bytes]
    negated: bool
    folders_only: bool
    anchored: bool


class Ignore:
    """The rules of one workspace."""

    def __init__(self, lines: Sequence[bytes] = (), defaults: Sequence[bytes] = DEFAULTS) -> None:
        """Compile defaults, ``lines`` and what is always ignored; raises ``IgnoreInvalid``."""
        self._rules = (*_rules(defaults), *_rules(lines), *_rules(ALWAYS))[::-1]
        positive = [rule for rule in self._rules if not rule.negated]
        by_name = [rule.pattern for rule in positive if not rule.anchored]
        self._literals = frozenset(each for each in by_name if not WILD.search(each))
        self._endings = tuple(
            each[1:] for each in by_name if each[:1] == b"*" and not WILD.search(each[1:])
        )
        self._beginnings = tuple(
            each[:-1] for each in by_name if each[-1:] == b"*" and not WILD.search(each[:-1])
        )
        seen = {*self._literals, *(b"*" + each for each in self._endings)}
        seen.update(each + b"*" for each in self._beginnings)
        rest = [rule for rule in positive if rule.anchored or rule.pattern not in seen]
        self._names = _any_of(rule for rule in rest if not rule.anchored)
        self._paths = _any_of(rule for rule in rest if rule.anchored)

    def rejects(self, prefix: bytes, name: bytes, *, folder: bool) -> bool:
        """Say whether ``name`` in the folder ``prefix`` (empty or ending in ``/``) is left out."""
        if not (
            name in self._literals
            or name.endswith(self._endings)
            or name.startswith(self._beginnings)
            or (self._names is not None and self._names.fullmatch(name))
            or (self._paths is not None and self._paths.fullmatch(prefix + name))
        ):
            return False
        path = prefix + name
        for rule in self._rules:
            if rule.folders_only and not folder:
                continue
            if rule.expression.fullmatch(path if rule.anchored else name):
                return not rule.negated
        return False

    def hides(self, path: bytes, *, folder: bool = False) -> bool:
        """Say whether ``path`` or a folder above it is left out."""
        parts = path.split(b"/")
        return any(
            self.rejects(
                b"".join(part + b"/" for part in parts[:depth]),
                name,
                folder=folder or depth < len(parts) - 1,
            )
            for depth, name in enumerate(parts)
        )


def read_ignore(
    root_fd: int, more: Sequence[str] = (), defaults: Sequence[bytes] = DEFAULTS
) -> Ignore:
    """Rules of the workspace at ``root_fd``; without a ``.os2ignore`` the defaults alone.

    ``more`` are lines after its own.
    """
    last = [line.encode() for line in more]
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(IGNORE_NAME, flags, dir_fd=root_fd)
    except FileNotFoundError:
        return Ignore(last, defaults)
    except OSError as error:
        reason = "a symbolic link" if error.errno == errno.ELOOP else error.strerror
        raise _unusable(str(reason)) from None
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise _unusable("not a plain file")
        data = file.read(IGNORE_BYTES + 1)
    if len(data) > IGNORE_BYTES:
        raise _unusable(f"more than {IGNORE_BYTES} bytes")
    return Ignore([*data.split(b"\n"), *last], defaults)


def _unusable(found: str) -> IgnoreInvalid:
    return IgnoreInvalid(
        f".os2ignore is {found}",
        expected="a readable text file with one pattern a line",
        remedy="replace or remove it",
    )


def _any_of(rules: Iterable[Rule]) -> re.Pattern[bytes] | None:
    """One expression that matches wherever one of ``rules`` might; ``None`` for no rules."""
    choices = [b"(?:" + rule.expression.pattern + b")" for rule in rules]
    return re.compile(b"|".join(choices), re.DOTALL) if choices else None


def _rules(lines: Sequence[bytes]) -> list[Rule]:
    return [
        rule
        for number, line in enumerate(lines, start=1)
        if (rule := _rule(number, line)) is not None
    ]


def _rule(number: int, line: bytes) -> Rule | None:
    line = re.sub(rb"(?<!\\)[ \t\r]+$", b"", line)
    if not line or line.startswith(b"#"):
        return None
    negated = line.startswith(b"!")
    pattern = line[1:] if negated else line
    folders_only = pattern.endswith(b"/")
    pattern = pattern.rstrip(b"/") if folders_only else pattern
    anchored = b"/" in pattern
    pattern = pattern.removeprefix(b"/")
    pattern = REPEATED.sub(b"**", pattern)
    expression = _expression(pattern)
    if expression is None or not pattern or b"\0" in pattern:
        raise IgnoreInvalid(
            f".os2ignore line {number} is {shown(line)}",
            expected="a pattern as in gitignore",
            remedy="correct the line, or put a backslash before [ to mean the character itself",
        )
    return Rule(pattern, re.compile(expression, re.DOTALL), negated, folders_only, anchored)


TOKEN = re.compile(
    rb"(?P<all>\A\*\*\Z)|(?P<into>/\*\*/)|(?P<head>\A\*\*/)|(?P<tail>/\*\*\Z)|(?P<star>\*+)|(?P<one>\?)"
    rb"|\[(?P<not>[!^]?)(?P<set>\]?(?:\\.|[^\]\\])*)\]|\\(?P<literal>.)|(?P<plain>[^\[\\])",
    re.DOTALL,
)
MEANING = {
    "into": b"/(?:.*/)?",
    "head": b"(?:.*/)?",
    "tail": b"/.+",
    "all": b".+",
    "star": b"[^/]*",
    "one": b"[^/]",
}


def _expression(pattern: bytes) -> bytes | None:
    """Translate ``pattern``; ``None`` when it is none (a bracket or an escape without its end)."""
    parts: list[bytes] = []
    position = 0
    while position < len(pattern):
        token = TOKEN.match(pattern, position)
        if token is None:
            return None
        position = token.end()
        if token["set"] is not None:
            chosen = _characters(token["set"])
            if chosen is None:
                return None
            parts.append(b"(?!/)[" + (b"^" if token["not"] else b"") + chosen + b"]")
        elif token.lastgroup in MEANING:
            parts.append(MEANING[token.lastgroup])
        else:
            parts.append(re.escape(token["literal"] or token["plain"]))
    return b"".join(parts)


def _characters(inside: bytes) -> bytes | None:
    """The inside of a bracket, escaped byte by byte; ``None`` for an empty or reversed range."""
    members = [each[-1:] for each in re.findall(rb"\\.|.", inside, re.DOTALL)]
    chosen: list[bytes] = []
    index = 0
    while index < len(members):
        if index + 2 < len(members) and members[index + 1] == b"-":
            low, high = members[index], members[index + 2]
            if low > high:
                return None
            chosen.append(re.escape(low) + b"-" + re.escape(high))
            index += 3
        else:
            chosen.append(re.escape(members[index]))
            index += 1
    return b"".join(chosen) or None
