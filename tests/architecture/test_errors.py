"""Every refusal of the ledger says what was expected, what was found, and what to do next.

The first two are read from the source, at each place where an error of the tree is made; the third
belongs to the message, behind a semicolon, or else to the error's class.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger import errors
from ledger.errors import LedgerError, RefusedHead

ROOT = Path(__file__).parents[2]
KINDS = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, LedgerError)
}
TOLD_BY_STATUS = {"RefusedHead", "HeadConflict"}
"""Answers over HTTP, to a program: C2SP tlog-witness gives each a status."""
QUOTED = " expected found; "
STANDS_ALONE = {"verify_os2.py"}
"""Knows no error tree: it is one file for strangers."""


def words(node: ast.expr) -> str:
    """What of an argument is text in the source; a hole that quotes another problem counts."""
    found = ""
    match node:
        case ast.Constant(value=str(text)):
            found = text
        case ast.JoinedStr(values=values):
            found = "".join(map(words, values))
        case ast.BinOp(left=left, right=right):
            found = words(left) + words(right)
        case ast.Call(func=ast.Name() | ast.Attribute(attr="contradiction" | "judge")):
            found = QUOTED  # made by a function that raises nothing itself
        case ast.FormattedValue(value=value) if told_elsewhere(value):
            found = QUOTED
        case _ if told_elsewhere(node):
            found = QUOTED
    return found


def told_elsewhere(node: ast.expr) -> bool:
    """Whether the text of another refusal is put in here."""
    match node:
        case ast.Name(id=name):
            return name in {"problem", "reason", "told", "against", "error"}
        case ast.Attribute(attr=name):
            return name in {"reason", "trouble"}
        case ast.Call(func=ast.Name(id="str"), args=[inner]):
            return told_elsewhere(inner)
        case _:
            return False


def sites() -> Iterator[tuple[str, str, str]]:
    """File and line, error, and the text, for every place where an error is made."""
    for path in sorted((ROOT / "ledger").rglob("*.py")):
        if path.name in STANDS_ALONE:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                name = node.func.id
                if name in KINDS and name not in TOLD_BY_STATUS and node.args:
                    place = f"{path.relative_to(ROOT)}:{node.lineno}"
                    yield place, name, "".join(words(each) for each in node.args)


def test_every_refusal_says_what_was_expected_and_what_was_found() -> None:
    found = list(sites())
    assert len(found) > 400, "the sites were not found"
    bad = [
        (place, text) for place, _, text in found if not ("expected" in text and "found" in text)
    ]
    assert bad == []


@pytest.mark.parametrize("name", sorted(set(KINDS) - TOLD_BY_STATUS))
def test_every_error_says_what_to_do_next(name: str) -> None:
    kind = KINDS[name]
    assert kind.remedy, "no remedy"
    bare = kind.__new__(kind)
    Exception.__init__(bare, "expected one thing, found another")
    assert str(bare) == f"expected one thing, found another; {kind.remedy}"
    better = kind.__new__(kind)
    Exception.__init__(better, "expected one thing, found another; do this")
    assert str(better).endswith("found another; do this")


def test_what_a_witness_answers_is_left_as_the_protocol_has_it() -> None:
    assert str(RefusedHead(404, "unknown log 'x'")) == "unknown log 'x'"


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = errors.__doc__ or ""
    assert [name for name in KINDS if f" {name} " not in f" {drawn.replace(chr(10), ' ')} "] == []
