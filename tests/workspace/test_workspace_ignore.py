"""``.os2ignore``: gitignore's language, checked against git itself where it is installed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from os2shell.executors.workspace import Ignore, IgnoreInvalid, read_ignore


@pytest.mark.parametrize(
    ("line", "hidden", "seen"),
    [
        ("*.log", ["a.log", "x/a.log", ".log"], ["a.logs", "log"]),
        ("/build", ["build", "build/x"], ["x/build"]),
        ("out/", ["out/x", "a/out/x"], ["out", "a/out"]),
        ("a/*.txt", ["a/b.txt"], ["b/a/b.txt", "a/c/b.txt"]),
        ("**/tmp", ["tmp", "a/tmp", "a/b/tmp/c"], ["tmps"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["z", "b/a/z"]),
        ("**/**/q", ["q", "a/q", "a/b/q"], ["qq"]),
        ("a/**/**", ["a/x", "a/x/y"], ["a", "b/a/x"]),
        ("data/**", ["data/x", "data/x/y"], ["data", "a/data/x"]),
        ("file?.py", ["file1.py"], ["file.py", "file10.py"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "-x"]),
        ("[!a-c]x", ["dx"], ["ax"]),
        ("[]-]x", ["]x", "-x"], ["ax"]),
        (r"\#x", ["#x"], ["x"]),
        (r"\!x", ["!x"], ["x"]),
        (r"a\ ", ["a "], ["a"]),
        ("a   ", ["a"], ["a "]),
        ("# nothing", [], ["# nothing", "nothing"]),
    ],
)
def test_patterns(line: str, hidden: list[str], seen: list[str]) -> None:
    ignore = Ignore([line.encode()])
    assert [path for path in hidden if not ignore.hides(path.encode())] == []
    assert [path for path in seen if ignore.hides(path.encode())] == []


def test_secrets_and_caches_are_left_out_without_being_asked() -> None:
    ignore = Ignore()
    for path in (b".env", b"a/.env.local", b"m/__pycache__/x", b"x.pyc", b".git/config"):
        assert ignore.hides(path)
    for path in (b".environment", b"env", b".gitignore", b"src/main.py"):
        assert not ignore.hides(path)


def test_the_last_line_wins_and_a_default_can_be_brought_back() -> None:
    ignore = Ignore([b"!.env.example", b"*.csv", b"!keep.csv"])
    assert not ignore.hides(b".env.example")
    assert ignore.hides(b".env.other")
    assert ignore.hides(b"a.csv")
    assert not ignore.hides(b"keep.csv")


def test_two_stars_alone_reach_every_depth() -> None:
    assert not Ignore([b"a", b"!/**"]).hides(b"a/a")


def test_what_lies_in_an_ignored_folder_stays_there() -> None:
    assert Ignore([b"logs/", b"!logs/keep"]).hides(b"logs/keep")


def test_nothing_brings_the_shells_own_state_back() -> None:
    ignore = Ignore([b"!.os2/", b"!.os2", b"!**", b"!.os2-apply-x"])
    assert ignore.hides(b".os2/ledger")
    assert ignore.hides(b".os2-apply-x/1")


@pytest.mark.parametrize("line", ["[ab", "a[", "a\\", "[z-a]", "/", "!"])
def test_a_line_that_is_no_pattern_is_named_by_its_number(line: str) -> None:
    with pytest.raises(IgnoreInvalid, match="line 2"):
        Ignore([b"fine", line.encode()])


def test_an_ignore_file_that_is_none_is_refused(tmp_path: Path) -> None:
    root = os.open(tmp_path, os.O_RDONLY)
    try:
        assert not read_ignore(root).hides(b"x")
        (tmp_path / ".os2ignore").write_bytes(b"x\n\xff\n")
        assert read_ignore(root).hides(b"x")
        assert read_ignore(root).hides(b"\xff")
        (tmp_path / ".os2ignore").unlink()
        (tmp_path / ".os2ignore").symlink_to("elsewhere")
        with pytest.raises(IgnoreInvalid, match="symbolic link"):
            read_ignore(root)
        (tmp_path / ".os2ignore").unlink()
        os.mkfifo(tmp_path / ".os2ignore")
        with pytest.raises(IgnoreInvalid, match="not a plain file"):
            read_ignore(root)
    finally:
        os.close(root)


pieces = st.sampled_from(["a", "b", "ab", "*", "?", "**", "a*", "*b", "[ab]", "[!a]"])
patterns = st.builds(
    lambda negated, lead, parts, tail: negated + lead + "/".join(parts) + tail,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "/"]),
    st.lists(pieces, min_size=1, max_size=3),
    st.sampled_from(["", "/"]),
)
paths = st.lists(st.sampled_from(["a", "b", "ab", "ba", "c"]), min_size=1, max_size=3)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="git is the judge here")
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(patterns, min_size=1, max_size=3), st.lists(paths, min_size=1, max_size=4))
def test_git_agrees(tmp_path: Path, lines: list[str], chosen: list[list[str]]) -> None:
    repository = tmp_path / "r"
    if not repository.exists():
        subprocess.run(["git", "init", "-q", str(repository)], check=True)
    (repository / ".gitignore").write_text("\n".join(lines) + "\n")
    asked = sorted({"/".join(parts) for parts in chosen})
    answer = subprocess.run(
        ["git", "-C", str(repository), "check-ignore", "--stdin", "--no-index"],
        input="\n".join(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    ours = Ignore([line.encode() for line in lines])
    assert [path for path in asked if ours.hides(path.encode())] == answer.stdout.splitlines()
