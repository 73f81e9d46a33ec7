"""``os2 ledger log, grep, tail``: the same questions as a user puts them, in a real shell."""

import json
import os
import pty
import signal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.house import DEFAULT_MANIFEST, ROOT, Os2

SCHEMAS = ROOT / "os2shell" / "schemas"


def check(body: Any, name: str) -> None:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    jsonschema.validate(body, schema, cls=jsonschema.Draft202012Validator)


@pytest.fixture
def used(os2: Os2) -> Os2:
    """Two sessions: one run that prints something, one run that fails."""
    os2.write("a.py", "print('a red apple')")
    os2.run("python", "a.py")
    os2.env["OS2_ACTOR"] = "ann"
    os2.run("python", "-c", "raise SystemExit(3)", code=3)
    return os2


def kept(os2: Os2) -> dict[Path, bytes]:
    """All that is in the ledger's folder, but for what can be made again."""
    ledger = os2.workspace / ".os2" / "ledger"
    return {
        path: path.read_bytes()
        for path in ledger.rglob("*")
        if path.is_file() and not path.name.startswith("index.sqlite")
    }


def kinds(os2: Os2, *words: str) -> list[str]:
    body = os2.json("ledger", *words, "--json")
    check(body, "ledger-log-1")
    return [record["kind"] for record in body["records"]]


def test_conditions(used: Os2) -> None:
    before = kept(used)
    sessions = {record["session"] for record in used.records()} - {"boot"}
    assert len(sessions) == 2
    assert kinds(used, "log", "--actor", "ann", "--kind", "session.*") == ["session.opened"]
    assert kinds(used, "log", "--kind", "command.finished", "--kind", "session.opened", "--reverse") == [
        "command.finished",
        "session.opened",
    ] * 2  # fmt: skip
    assert kinds(used, "log", "--since", "2h", "--limit", "1") == ["command.finished"]
    assert kinds(used, "log", "--until", "2h") == []
    assert kinds(used, "log", "--start", "1", "--stop", "3") == [
        "manifest.loaded",
        "session.opened",
    ]
    assert kinds(used, "log", "--token", "nobody") == []
    assert kinds(used, "log", "--node", "*", "--limit", "1") == ["command.finished"]
    every = kinds(used, "log", "--all")
    assert len(every) == len(used.records())
    asked = kinds(used, "log", "--all", "--text", "command=python")
    assert asked == ["command.admitted"] * 2
    assert asked == kinds(used, "log", "--all", "--text", "command=python", "--scan")
    ran = used.run("ledger", "log", "--kind", "absent")
    assert (ran.text, ran.errors) == ("", "os2: no such record\n")
    assert kept(used) == before, "looking appends nothing"


def test_grep(used: Os2) -> None:
    assert "command.finished" in used.run("ledger", "grep", "RED APPLE").text
    found = kinds(used, "grep", "apple")
    assert found == ["command.finished"]
    assert kinds(used, "grep", "apple", "--scan") == found
    assert kinds(used, "grep", "code=3", "--actor", "ann") == ["command.finished"]
    assert kinds(used, "grep", "--limit", "1", "command=python") == ["command.admitted"]
    ran = used.run("ledger", "grep", "durian", code=5)
    assert (ran.text, ran.errors) == ("", "os2: no such record\n")
    body = used.json("ledger", "grep", "durian", "--json", code=5)
    check(body, "ledger-log-1")


def test_a_deleted_or_ruined_index_changes_no_answer(used: Os2) -> None:
    index = used.workspace / ".os2" / "ledger" / "index.sqlite"
    first = used.run("ledger", "log", "--actor", "ann").text
    assert index.exists()
    index.unlink()
    assert used.run("ledger", "log", "--actor", "ann").text == first
    index.write_bytes(b"nonsense" * 1000)
    assert used.run("ledger", "log", "--actor", "ann").text == first
    assert used.json("ledger", "verify", "--json")["status"] == "ok"


def test_tail_shows_what_another_shell_does(used: Os2) -> None:
    size = len(used.records())
    following = used.start("ledger", "tail", "-f", "-n", "1", "--kind", "command.*", "--json")
    assert following.stdout is not None
    assert following.stderr is not None
    first = json.loads(following.stdout.readline())
    check(first, "ledger-record-1")
    assert first["seq"] == size - 1
    used.run("pyvm", "--eval", "6*7")
    coming = [json.loads(following.stdout.readline()) for _ in range(2)]
    assert [record["kind"] for record in coming] == ["command.admitted", "command.finished"]
    following.send_signal(signal.SIGINT)
    assert following.wait(10) == 130
    assert following.stderr.read() == b"os2: interrupted\n"
    following.stdout.close()
    following.stderr.close()


def test_tail_ends_when_nobody_reads_on(used: Os2) -> None:
    following = used.start("ledger", "tail", "-f")
    assert following.stdout is not None
    assert following.stderr is not None
    following.stdout.readline()
    following.stdout.close()
    assert following.wait(10) == 0
    assert following.stderr.read() == b""
    following.stderr.close()


def test_tail_without_following(used: Os2) -> None:
    assert len(used.run("ledger", "tail").text.splitlines()) == len(used.records())
    lines = used.run("ledger", "tail", "-n", "2", "--json").text.splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["command.admitted", "command.finished"]


def test_lines_are_aligned_and_harmless(used: Os2) -> None:
    used.run("python", "-c", "print('\\x1b]0;owned\\x07')")
    lines = used.run("ledger", "log").text.splitlines()
    assert all(line.isprintable() for line in lines)
    assert len({line.index(line.split()[5]) for line in lines}) == 1, "kinds stand in a column"
    assert all(len(line) <= 160 for line in lines)
    assert "owned" in used.run("ledger", "grep", "owned").text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["log", "--since", "soon"], "expected a time"),
        (["log", "--limit", "x"], "whole number"),
        (["log", "--limit", "1", "--all"], "one of them"),
        (["log", "-f"], "expected it with tail"),
        (["log", "word"], "expected"),
        (["log", "--kind"], "expected"),
        (["log", "--frob"], "expected"),
        (["tail", "--limit", "3"], "expected it with log grep"),
        (["grep"], "one TEXT"),
        (["grep", "a", "b"], "one TEXT"),
        (["grep", " "], "expected a text"),
        (["show"], "expected"),
        (["verify", "all"], "expected"),
    ],
    ids=" ".join,
)
def test_words_that_mean_nothing(os2: Os2, words: list[str], said: str) -> None:
    assert said in os2.run("ledger", *words, code=2).errors


def test_no_power_to_read(used: Os2) -> None:
    lines = DEFAULT_MANIFEST.read_text().splitlines()
    lines.remove('"ledger.read" = ["*"]')
    used.write("../blind.toml", "\n".join(lines))
    for words in (["grep", "apple"], ["tail"], ["tail", "-f"]):
        used.run("--manifest", "../blind.toml", "ledger", *words, code=126)
    assert [record["kind"] for record in used.records()].count("command.denied") == 3


def test_a_damaged_log_is_told_to_whoever_follows(used: Os2) -> None:
    following = used.start("ledger", "tail", "-f")
    assert following.stdout is not None
    following.stdout.readline()
    data = used.segment.read_bytes()
    used.segment.write_bytes(data[: len(data) // 2])
    out, err = following.communicate(timeout=10)
    assert following.returncode == 1, (out, err)
    assert b"os2: " in err


def on_terminal(os2: Os2, no_colour: str) -> bytes:
    """What ``os2 ledger log`` writes to a terminal."""
    os2.env.update({"TERM": "xterm", "NO_COLOR": no_colour})
    parent, child = pty.openpty()
    process = os2.start("ledger", "log", stdout=child, stderr=child)
    os.close(child)
    shown = b""
    try:
        while data := os.read(parent, 65_536):
            shown += data
    except OSError:  # the other end is closed
        pass
    os.close(parent)
    assert process.wait(10) == 0
    return shown


def test_colour_is_for_terminals(used: Os2) -> None:
    assert b"\x1b[36m" in on_terminal(used, "")
    assert b"\x1b" not in on_terminal(used, "1")
    assert "\x1b" not in used.run("ledger", "log").text
