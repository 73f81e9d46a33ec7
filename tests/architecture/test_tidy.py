"""Properties of the code itself that no linter gives."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for top in ("ledger", "os2shell") for path in (ROOT / top).rglob("*.py"))
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 70
BANNED_MODULES = {
    "base",
    "common",
    "core",
    "helper",
    "helpers",
    "manager",
    "misc",
    "util",
    "utils",
}
BANNED_ENDINGS = ("Manager", "Helper", "Helpers", "Util", "Utils", "Handler")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file_is_one_room(path: Path) -> None:
    source = path.read_text()
    tree = ast.parse(source)
    assert ast.get_docstring(tree), "a module says what it holds"
    assert path.stem not in BANNED_MODULES
    assert source.count("\n") <= MAX_FILE_LINES
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Global), f"line {node.lineno}: module state"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < MAX_FUNCTION_LINES, node.name
        if isinstance(node, ast.ClassDef):
            assert not node.name.endswith(BANNED_ENDINGS), node.name


def test_files_of_tests_are_short_too() -> None:
    lines = {path: path.read_text().count("\n") for path in (ROOT / "tests").rglob("*.py")}
    assert len(lines) > 100
    assert not {path: count for path, count in lines.items() if count > MAX_FILE_LINES}


def test_top_level_is_what_the_readme_says() -> None:
    tracked = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    expected = {
        "CHANGELOG.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "bench",
        "docs",
        "examples",
        "issues",
        "ledger",
        "manifests",
        "os2shell",
        "pyproject.toml",
        "tests",
    }
    assert expected <= tracked
    assert not {name for name in tracked - expected if (ROOT / name / "__init__.py").exists()}
