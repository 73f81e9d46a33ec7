"""The examples, as their README runs them: recorded once, replayed five times, always identical."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.house import ROOT, Os2

TURNS = 5
"""What varies at all shows in twenty recordings of ``tests/probes``; these are programs of everyday."""
EXAMPLES = ROOT / "examples"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@dataclass(frozen=True)
class Example:
    """One line of the README's table."""

    words: tuple[str, ...]
    codes: tuple[int, ...] = (0,)
    stdin: bytes = b""


RUNS = {
    "csv_report": Example(("python", "csv_report/report.py")),
    "simulation": Example(("python", "simulation.py")),
    "simulation-200": Example(("python", "simulation.py", "200")),
    "wordcount": Example(
        ("python", "wordcount.py", "--top", "5"), stdin=(EXAMPLES / "README.md").read_bytes()
    ),
    "inventory": Example(("python", "-m", "inventory"), codes=(0, 1)),
    "restricted": Example(("pyvm", "restricted.py")),
}
PARAMETERS = [pytest.param(example, id=name) for name, example in RUNS.items()]


def prepared(folder: Path) -> Os2:
    """A home of its own and a copy of the examples as the workspace."""
    shutil.copytree(EXAMPLES, folder / "work", ignore=shutil.ignore_patterns("__pycache__", "out"))
    (folder / "home").mkdir()
    return Os2(folder / "work", folder / "home")


def files(os2: Os2) -> dict[str, bytes]:
    """The workspace as the user sees it, without os2's own folder."""
    return {
        str(path.relative_to(os2.workspace)): path.read_bytes()
        for path in sorted(os2.workspace.rglob("*"))
        if path.is_file() and ".os2" not in path.relative_to(os2.workspace).parts
    }


def verifications(os2: Os2) -> list[dict[str, Any]]:
    """What each verification left in the ledger."""
    ends = os2.records("--kind", "command.finished")
    return [
        body
        for end in ends
        for kind, body in end["attributes"]["events"]
        if kind == "python_vm_replay_verified"
    ]


def test_the_readme_and_these_tests_know_the_same_runs() -> None:
    table = (EXAMPLES / "README.md").read_text()
    for example in RUNS.values():
        assert f"| `os2 {' '.join(example.words)}" in table
    assert table.count("| `os2 ") == len(RUNS)


@pytest.mark.parametrize("example", PARAMETERS)
def test_recorded_once_replayed_again_and_again(tmp_path: Path, example: Example) -> None:
    os2 = prepared(tmp_path)
    ran = os2.run(*example.words, stdin=example.stdin, code=None)
    assert ran.code in example.codes, ran
    assert ran.out
    after = files(os2)
    script = tmp_path / "work" / "again.os2"
    script.write_text("python-verify\n" * TURNS)
    os2.run("run-script", "again.os2", seconds=300)
    script.unlink()
    found = verifications(os2)
    assert len(found) == TURNS
    assert {body["status"] for body in found} == {"ok"}
    assert {(body["counts"]["total"], body["counts"]["identical"]) for body in found} == {(1, 1)}
    assert files(os2) == after, "a replay writes nothing"


@pytest.mark.parametrize("example", PARAMETERS)
def test_a_seed_gives_the_same_everywhere(tmp_path: Path, example: Example) -> None:
    tool, *rest = example.words
    results = []
    for name in ("one", "a-rather-different-folder"):
        os2 = prepared(tmp_path / name)
        ran = os2.run(tool, "--seed", "11", *rest, stdin=example.stdin, code=None)
        assert ran.code in example.codes, ran
        results.append((ran.code, ran.out, files(os2)))
    assert results[0] == results[1]


def test_two_seeds_differ_where_numbers_are_drawn(tmp_path: Path) -> None:
    os2 = prepared(tmp_path)
    one = os2.run("python", "--seed", "1", "simulation.py").out
    other = os2.run("python", "--seed", "2", "simulation.py").out
    assert one != other


def test_all_runs_of_one_day_come_out_again(tmp_path: Path) -> None:
    """Every example in one workspace, each after the files that the one before it left."""
    os2 = prepared(tmp_path)
    for example in (*RUNS.values(), RUNS["inventory"]):
        os2.run(*example.words, stdin=example.stdin, code=None)
    report = os2.json("python-verify", "--json")
    assert [row["verdict"] for row in report["sessions"]] == ["identical"] * (len(RUNS) + 1)
