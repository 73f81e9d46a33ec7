"""The likeliest cause of a difference, by rules over both sides. Pure; a guess, and worded as one.

The first rule that fits gives the answer; they go from what is certain (a missing module names
itself) to what merely looks like it.
"""

import re
from collections.abc import Callable
from itertools import zip_longest

from os2shell.replay.compare import END, Difference
from os2shell.replay.verdict import Site

DEFAULT = "the program computed something else, or took it from a source that is not recorded"
OTHERWISE = "the command or the program behaves otherwise than when it was recorded"
_MISSING = re.compile(rb"(?:ModuleNotFoundError|ImportError): ([^\n]{1,160})")
_RAISED = re.compile(
    rb"^([A-Za-z_][\w.]*(?:Error|Exception|Warning|Interrupt|Exit|Iteration)\b)", re.MULTILINE
)
_ADDRESS = re.compile(rb"0x[0-9a-f]{6,16}\b")
_NUMBER = re.compile(rb"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_HEX = re.compile(rb"\b(?=[0-9a-f-]*\d)(?=[0-9a-f-]*[a-f])[0-9a-f-]{8,}\b")
_WORD = re.compile(rb"[^\s,;:{}()\[\]'\"]+")
_LINES_MOST = 20_000
_FLOAT_DIFFERENCE = 1e-9
_INSTANT = 1e8
"""From here on a float may be a time since 1970, whose last digits differ for other reasons."""
_LARGE = 100_000

Rule = Callable[[Difference, bytes, bytes], str | None]


def likely(found: Difference, site: Site | None) -> str:
    """Why the program may have come to something else than was recorded."""
    raised = _raised(found)
    if raised:
        return raised
    if found.byte is None:
        return _of_ending(found, site)
    one, other = _line_at(found.recorded, found.byte), _line_at(found.present, found.byte)
    for rule in _RULES:
        told = rule(found, one, other)
        if told:
            return _with_extensions(told, site)
    return _with_extensions(DEFAULT, site)


def of_changed_input(found: Difference) -> str:
    """The cause where inputs are known to differ: these, and what the program says of it itself."""
    told = "the inputs listed beside it changed"
    raised = _raised(found)
    return f"{told}: {raised}" if raised else told


def _raised(found: Difference) -> str | None:
    """What the program itself says on its standard error, and did not say when recorded."""
    return _missing_module(found) or _exception(found)


def _of_ending(found: Difference, site: Site | None) -> str:
    if found.place == END:
        return _with_extensions("the program ended otherwise", site)
    if found.what.startswith("the file "):
        if "absent" in {found.expected, found.got}:
            side = "recorded" if found.got == "absent" else "present"
            return f"only the {side} run left something there"
        return "the program wrote something else"
    return "files were skipped otherwise than when recorded"


def _missing_module(found: Difference) -> str | None:
    raised = _MISSING.search(found.errors[1])
    if raised is None or raised.group() in found.errors[0]:
        return None
    return f"a module that the recorded run imported is missing or another: {_plain(raised[1])}"


def _exception(found: Difference) -> str | None:
    before, after = (_RAISED.findall(text) for text in found.errors)
    if before == after:
        return None
    if after and before:
        return f"the program raised {_plain(after[-1])}, and {_plain(before[-1])} when recorded"
    if after:
        return f"the program raised {_plain(after[-1])}, which it did not when recorded"
    return f"the program did not raise {_plain(before[-1])}, which it did when recorded"


def _shorter(found: Difference, _one: bytes, _other: bytes) -> str | None:
    if found.byte == len(found.present):
        return "the program wrote less: it ended earlier, or went another way"
    if found.byte == len(found.recorded):
        return "the program wrote more than when recorded"
    return None


def _address(_found: Difference, one: bytes, other: bytes) -> str | None:
    if one != other and _ADDRESS.sub(b"0x", one) == _ADDRESS.sub(b"0x", other):
        return "an address in memory is shown (a default repr, or id()), and memory lay otherwise"
    return None


def _order_in_line(_found: Difference, one: bytes, other: bytes) -> str | None:
    words, others = _WORD.findall(one), _WORD.findall(other)
    if words != others and sorted(words) == sorted(others):
        return "the same items in another order: a set of objects, or threads that finish freely"
    return None


def _order_of_lines(found: Difference, _one: bytes, _other: bytes) -> str | None:
    lines, others = found.recorded.split(b"\n"), found.present.split(b"\n")
    if max(len(lines), len(others)) <= _LINES_MOST and sorted(lines) == sorted(others):
        return "the same lines in another order: threads, child processes, or a set of objects"
    return None


def _last_digits(_found: Difference, one: bytes, other: bytes) -> str | None:
    pairs = _numbers(one, other)
    fractions = [(a, b) for a, b in pairs if b"." in a + b or b"e" in (a + b).lower()]
    if pairs and len(fractions) == len(pairs) and all(_close(a, b) for a, b in fractions):
        return "floats differ in their last digits: another processor, or another numeric library"
    return None


def _drawn(_found: Difference, one: bytes, other: bytes) -> str | None:
    if one != other and _HEX.sub(b"#", one) == _HEX.sub(b"#", other):
        return "an identifier or random bytes differ: entropy drawn below Python"
    pairs = _numbers(one, other)
    if any(_magnitude(a) >= _LARGE and _magnitude(b) >= _LARGE for a, b in pairs):
        return (
            "large numbers differ: time, a counter of the processor or entropy drawn below Python"
        )
    return "only numbers differ: a count or a draw that is not recorded" if pairs else None


_RULES: tuple[Rule, ...] = (
    _address,
    _order_in_line,
    _order_of_lines,
    _last_digits,
    _drawn,
    _shorter,
)


def _with_extensions(told: str, site: Site | None) -> str:
    if site is None or not site.extensions:
        return told
    names = ", ".join(site.extensions)
    return f"{told}; the program runs native code that nothing watches: {names}"


def _numbers(one: bytes, other: bytes) -> list[tuple[bytes, bytes]]:
    """The numbers that differ, where nothing but numbers differs."""
    if _NUMBER.sub(b"0", one) != _NUMBER.sub(b"0", other):
        return []
    both = zip_longest(_NUMBER.findall(one), _NUMBER.findall(other), fillvalue=b"0")
    return [(a, b) for a, b in both if a != b]


def _close(one: bytes, other: bytes) -> bool:
    a, b = float(one), float(other)
    largest = max(abs(a), abs(b))
    return largest < _INSTANT and abs(a - b) <= _FLOAT_DIFFERENCE * largest


def _magnitude(number: bytes) -> float:
    return abs(float(number))


def _line_at(data: bytes, at: int) -> bytes:
    start = data.rfind(b"\n", 0, at) + 1
    end = data.find(b"\n", at)
    return data[start : end if end >= 0 else len(data)][:4096]


def _plain(text: bytes) -> str:
    told = text.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in told)
