"""What docstrings show is what happens; the library's own teaches it in twenty lines."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import ledger

HERE = Path(ledger.__file__).parent
SHOWING = [
    ".".join(("ledger", *path.relative_to(HERE).with_suffix("").parts)).removesuffix(".__init__")
    for path in sorted(HERE.rglob("*.py"))
    if ">>> " in path.read_text("utf-8")
]


@pytest.mark.parametrize("name", SHOWING)
def test_what_a_docstring_shows(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    result = doctest.testmod(import_module(name))
    assert result.attempted > 0
    assert result.failed == 0


def test_the_library_is_taught_in_twenty_lines() -> None:
    assert "ledger" in SHOWING
    shown = doctest.DocTestParser().get_examples(ledger.__doc__ or "")
    lines = [line for example in shown for line in example.source.splitlines()]
    assert len(lines) <= 20
    text = "\n".join(lines)
    for word in ("open(", "append(", "read(", "prove(", "verify(", "rotate(", "write_bundle("):
        assert word in text
