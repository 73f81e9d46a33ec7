"""``ledger fleet``: what the keeper of several machines types, and what a stranger checks."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import Entry, KeyFile, TokenSignatureLedger, load_key, verify
from ledger.__main__ import main
from ledger.form.record import body_of
from tests.ledger.fleet_room import created, forge, signer

ROOT = Path(__file__).parents[2]
Grow = Callable[..., Path]
Out = pytest.CaptureFixture[str]


@pytest.fixture
def grow(tmp_path: Path) -> Grow:
    """Appends to the log of a node, made with its key when there is none."""
    clock = iter(range(10**18, 10**19, 10**6 + 7)).__next__

    def grown(
        name: str, count: int = 2, *, at: str = "", rotate: bool = False, to: str = ""
    ) -> Path:
        home = tmp_path / at
        key = home / "keys" / name
        ring = KeyFile(key) if key.exists() else KeyFile.create(key, f"example.org/{name}")
        with TokenSignatureLedger.open(home / name, ring, clock=clock, node=to or name) as log:
            for n in range(count):
                log.append(Entry("work", {"n": n, "at": at}))
            if rotate:
                log.rotate()
        (home / f"{name}.pub").write_text(f"{ring.public}\n")
        return home / name

    return grown


@pytest.fixture
def fleet(tmp_path: Path, grow: Grow) -> Path:
    """A fleet log that admitted three nodes with logs of their own."""
    for name in "abc":
        grow(name)
        assert (
            run_in(tmp_path, "admit", "fleet", f"{name}.pub", "--create", "example.org/fleet") == 0
        )
    return tmp_path / "fleet"


def run_in(home: Path, verb: str, *words: str) -> int:
    """A verb in this process, every path relative to ``home``."""
    placed = [str(home / word) if _is_path(word) else word for word in words]
    key = ["--key", str(home / "keys" / "fleet")] if verb in {"admit", "observe"} else []
    return main(["fleet", verb, *placed, *key])


def _is_path(word: str) -> bool:
    return not word.startswith("-") and not word.startswith("example.org") and "+" not in word


def told(out: Out) -> str:
    shown = out.readouterr()
    assert "Traceback" not in shown.err
    assert "PRIVATE" not in shown.out + shown.err
    return shown.out + shown.err


def test_from_three_folders_to_one_history(fleet: Path, grow: Grow, capsys: Out) -> None:
    home = fleet.parent
    capsys.readouterr()
    assert run_in(home, "observe", "fleet", "a", "b", "c") == 0
    assert capsys.readouterr().out.count("observed   example.org/") == 3
    assert run_in(home, "observe", "fleet", "a", "b", "c") == 5
    assert capsys.readouterr().out.count("unchanged  ") == 3
    grow("a", rotate=True)
    assert run_in(home, "observe", "fleet", "a", "b", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["nodes"]
    assert [(row["status"], row["size"], row["epoch"]) for row in rows] == [
        ("observed", 7, 1),
        ("unchanged", 3, 0),
    ]
    assert run_in(home, "nodes", "fleet", "--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert (listed["trusted"], len(listed["nodes"])) == (False, 3)
    grow("b", 5)  # not observed yet, so not merged
    assert run_in(home, "merge", "--fleet", "fleet", "c", "a", "b", "--json") == 0
    merged = json.loads(capsys.readouterr().out)
    assert merged["identity"] == listed["identity"]
    assert merged["records"] == 13
    assert run_in(home, "merge", "a", "b", "c", "--json") == 0
    assert json.loads(capsys.readouterr().out)["records"] == 18
    assert verify(fleet).status == "ok"


def test_the_merge_as_a_file(fleet: Path, capsys: Out) -> None:
    home = fleet.parent
    run_in(home, "observe", "fleet", "a", "b", "c")
    capsys.readouterr()
    assert run_in(home, "merge", "--fleet", "fleet", "a", "b", "c") == 0
    shown = capsys.readouterr()
    lines = [json.loads(line) for line in shown.out.splitlines()]
    assert [line["type"] for line in lines] == ["merge", *["record"] * 9, "end"]
    assert [log["origin"] for log in lines[0]["logs"]] == [f"example.org/{n}" for n in "abc"]
    order = [(int(line["hlc"]), line["node"], line["seq"]) for line in lines[1:-1]]
    assert order == sorted(order)
    assert "identity  " + lines[0]["identity"] in shown.err
    assert "trusted   no" in shown.err
    out = home / "merged.jsonl"
    key = str(load_key(home / "keys" / "fleet").public)
    words = ["c", "b", "a", "--fleet", "fleet", "--out", "merged.jsonl", "--pubkey", key]
    assert run_in(home, "merge", *words) == 0
    assert out.read_text() == shown.out
    assert "trusted   yes" in capsys.readouterr().out
    assert run_in(home, "merge", *words) == 2
    assert "choose another name" in capsys.readouterr().err


def test_a_merge_is_the_fleets_or_none(fleet: Path, grow: Grow, capsys: Out) -> None:
    home = fleet.parent
    assert run_in(home, "merge", "--fleet", "fleet", "a") == 1
    assert "observe it first" in told(capsys)
    run_in(home, "observe", "fleet", "a", "b")
    capsys.readouterr()
    assert run_in(home, "merge", "--fleet", "fleet", "a", "--out", "m") == 1
    assert "found none of 'example.org/b'" in told(capsys)
    assert not (home / "m").exists()
    grow("d")
    assert run_in(home, "merge", "--fleet", "fleet", "a", "b", "d") == 1
    assert "the fleet log admitted" in told(capsys)
    assert run_in(home, "merge", "a", "b", "--pubkey", "a.pub") == 2
    assert "expected a ledger of key" in told(capsys)
    assert run_in(home, "merge", "a", "b", "--pubkey", "a.pub", "--pubkey", "b.pub", "--json") == 0
    assert json.loads(capsys.readouterr().out)["trusted"] is True
    assert run_in(home, "merge", "absent") == 4
    assert told(capsys)


def test_admitting(fleet: Path, grow: Grow, capsys: Out) -> None:
    home = fleet.parent
    assert run_in(home, "admit", "fleet", "a.pub") == 5
    grow("d", rotate=True)
    table = home / "d.epochs"
    with TokenSignatureLedger.read_only(home / "d") as log:
        assert log.keys is not None
        table.write_text(log.keys.epochs.text())
    capsys.readouterr()
    assert run_in(home, "admit", "fleet", "a.pub", "--log", "d") == 2, "a does not vouch for d"
    assert run_in(home, "admit", "fleet", "d.pub", "--log", "d", "--json") == 0
    assert json.loads(capsys.readouterr().out)["node"] == "example.org/d"
    assert run_in(home, "admit", "fleet", "d.epochs") == 5
    assert run_in(home, "observe", "fleet", "d") == 0
    other = signer("example.org/a", 5).public
    assert run_in(home, "admit", "fleet", str(other)) == 1
    assert "admitted already" in told(capsys)
    assert run_in(home, "admit", "absent", "a.pub") == 4
    assert run_in(home, "admit", "fleet", "a.pub", "--create", "example.org/other") == 2
    assert run_in(home, "admit", "fleet", "junk") == 2
    assert told(capsys)


def test_heads_without_their_logs(fleet: Path, grow: Grow, capsys: Out) -> None:
    home = fleet.parent
    shutil.copy(home / "a" / "checkpoint", home / "old")
    assert run_in(home, "observe", "fleet", "old") == 0
    grow("a")
    shutil.copy(home / "a" / "checkpoint", home / "new")
    capsys.readouterr()
    assert run_in(home, "observe", "fleet", "new") == 1
    assert "prove DIR --since 3" in told(capsys)
    assert main(["prove", str(home / "a"), "--since", "3", "--out", str(home / "grown")]) == 0
    assert run_in(home, "observe", "fleet", "new", "--proof", "grown") == 0
    assert run_in(home, "observe", "fleet", "old") == 1
    assert "an old copy" in told(capsys)
    assert run_in(home, "observe", "fleet", "new", "b", "--proof", "grown") == 2
    assert run_in(home, "observe", "fleet", "absent") == 4
    (home / "junk").write_bytes(b"\xff")
    assert run_in(home, "observe", "fleet", "junk") == 1
    assert told(capsys)


def test_one_refusal_keeps_nobody_else_waiting(fleet: Path, grow: Grow, capsys: Out) -> None:
    home = fleet.parent
    grow("d")
    capsys.readouterr()
    assert run_in(home, "observe", "fleet", "d", "a", "absent", "b") == 1
    shown = capsys.readouterr()
    assert shown.out.count("observed ") == 2
    assert shown.out.count("refused ") == 2
    assert "found 'example.org/d'" in shown.err
    assert "absent" in shown.err


def test_a_log_whose_key_signed_what_no_log_may_hold(tmp_path: Path, capsys: Out) -> None:
    """Times that run back: the log does not open, and its key is caught by what it signed."""
    by = signer("example.org/z")
    bodies = [created(by, 1), *(body_of(Entry("w", {}), n, 9 - n, "z") for n in (1, 2))]
    forge(tmp_path / "z", by, bodies)
    words = ["--create", "example.org/fleet"]
    assert run_in(tmp_path, "admit", "fleet", str(by.public), *words) == 0
    assert run_in(tmp_path, "observe", "fleet", "z", "--certificate", "cert") == 1
    assert "its times do not grow" in told(capsys)
    for given in (["--fleet", str(tmp_path / "fleet")], ["--pubkey", str(by.public)]):
        assert main(["fleet", "check", str(tmp_path / "cert"), *given]) == 0
    assert run_in(tmp_path, "nodes", "fleet") == 0
    assert "caught: time runs back" in told(capsys)
    assert run_in(tmp_path, "merge", "z") == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert json.loads(last)["kind"] == "time runs back"
    assert run_in(tmp_path, "merge", "--fleet", "fleet", "z", "--out", "m") == 1
    assert not (tmp_path / "m").exists()


def test_a_certificate_is_never_lost(fleet: Path, grow: Grow, capsys: Out) -> None:
    """Where its file cannot be written it goes to output, and the alarm sounds all the same."""
    home = fleet.parent
    (home / "taken").write_text("another file")
    grow("b", at="other")
    capsys.readouterr()
    assert main(["fleet", "merge", str(home / "b"), str(home / "other" / "b"), "--certificate", str(home / "taken"), "--out", str(home / "m")]) == 1  # fmt: skip
    shown = capsys.readouterr()
    assert json.loads(shown.out)["kind"] == "two logs of one name"
    assert "on standard output instead" in shown.err
    assert "two logs are called 'example.org/b'" in shown.err
    assert (home / "taken").read_text() == "another file"


def test_a_forked_folder_is_not_merged_as_the_fleets(fleet: Path, grow: Grow, capsys: Out) -> None:
    home = fleet.parent
    for what in ("a", "b", "keys"):
        shutil.copytree(home / what, home / "elsewhere" / what)
    for name in "ab":
        grow(name)
        grow(name, 4, at="elsewhere")
    assert run_in(home, "observe", "fleet", "a", "b") == 0
    capsys.readouterr()
    words = ["elsewhere/a", "b", "--fleet", "fleet", "--certificate", "found"]
    assert run_in(home, "merge", *words) == 1
    assert run_in(home, "check", "found", "--fleet", "fleet") == 0
    told(capsys)
    both = ["elsewhere/a", "elsewhere/b", "--certificate", "each"]
    assert run_in(home, "observe", "fleet", *both) == 1
    for name in ("each", "each.2"):
        assert main(["fleet", "check", str(home / name)]) == 0
    assert "log       example.org/b" in told(capsys)


def test_a_flipped_byte_in_a_nodes_folder(fleet: Path, capsys: Out) -> None:
    """Damage by other hands accuses nobody: it is refused, and no file is written."""
    home = fleet.parent
    run_in(home, "observe", "fleet", "a", "b", "c")
    (segment,) = (home / "b" / "segments").iterdir()
    data = bytearray(segment.read_bytes())
    data[data.index(b"work") + 1] ^= 1
    segment.write_bytes(data)
    (home / "b" / "head").unlink(missing_ok=True)
    capsys.readouterr()
    for given in (["--fleet", "fleet"], []):
        assert run_in(home, "merge", "a", "b", "c", *given, "--out", "m") == 1
        shown = capsys.readouterr()
        assert "record 1: " in shown.err
        assert shown.out == ""
        assert not (home / "m").exists()
    assert run_in(home, "observe", "fleet", "b") == 1
    assert "record 1: " in told(capsys)


def test_checking_what_is_no_certificate(fleet: Path, capsys: Out) -> None:
    home = fleet.parent
    assert run_in(home, "check", "absent") == 4
    (home / "junk").write_text("{}")
    assert run_in(home, "check", "junk") == 1
    assert "expected an object" in told(capsys)
    assert main(["checkpoint", str(home / "a"), "--out", str(home / "head")]) == 0
    assert run_in(home, "check", "head") == 1
    KeyFile.create(home / "keys" / "none", "example.org/none")
    with TokenSignatureLedger.open(
        home / "none", KeyFile(home / "keys" / "none"), clock=lambda: 0, node="n"
    ):
        pass
    assert run_in(home, "check", "junk", "--fleet", "none") == 2
    assert run_in(home, "nodes", "none") == 5
    assert run_in(home, "nodes", "fleet", "--pubkey", "a.pub") == 2
    assert told(capsys)


def test_a_fleet_log_that_was_written_to_by_hand_is_refused(fleet: Path, capsys: Out) -> None:
    """Its own key may sign anything; what the records show decides."""
    home = fleet.parent
    run_in(home, "observe", "fleet", "a")
    with TokenSignatureLedger.open(
        fleet, KeyFile(home / "keys" / "fleet"), clock=lambda: 0, node="n"
    ) as log:
        told_of = log.record(4).attributes
        log.append(Entry("fleet.checkpoint", told_of | {"node": "example.org/b"}))
    for verb, *words in (["nodes", "fleet"], ["merge", "--fleet", "fleet", "a"]):
        assert run_in(home, verb, *words) == 1
        assert "record 5: what it says of a node" in told(capsys)


def ledger(home: Path, *words: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
    """A process of its own, as a user starts it."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "ledger", *words],
        cwd=home,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    return done


def test_a_node_that_equivocates_is_caught_by_processes(tmp_path: Path, grow: Grow) -> None:
    """Two machines go on from one copy under one key; a third sees it and proves it to a fourth."""
    home = tmp_path
    keyed = ("--key", "keys/fleet")
    for name in "ab":
        grow(name)
        ledger(
            home, "fleet", "admit", "fleet", f"{name}.pub", *keyed, "--create", "example.org/fleet"
        )
    ledger(home, "fleet", "observe", "fleet", "a", "b", *keyed)
    (home / "elsewhere").mkdir()
    for what in ("a", "keys"):
        shutil.copytree(home / what, home / "elsewhere" / what)
    grow("a", 3)
    grow("a", 4, at="elsewhere")
    ledger(home, "fleet", "observe", "fleet", "a", "b", *keyed)
    words = ("observe", "fleet", "elsewhere/a", "b", *keyed, "--certificate", "proof.json")
    seen = ledger(home, "fleet", *words, code=1)
    assert "forked or rewritten" in seen.stderr
    stranger = home / "stranger"
    stranger.mkdir()
    shutil.copy(home / "proof.json", stranger)
    shutil.copy(home / "a.pub", stranger)
    found = json.loads(
        ledger(stranger, "fleet", "check", "proof.json", "--pubkey", "a.pub", "--json").stdout
    )
    assert (found["kind"], found["trusted"]) == ("two histories", True)
    assert found["logs"] == ["example.org/a"]
    (stranger / "altered.json").write_text(
        (stranger / "proof.json").read_text().replace("6", "7", 1)
    )
    ledger(stranger, "fleet", "check", "altered.json", code=1)
    ledger(stranger, "fleet", "check", "proof.json", "--pubkey", "../b.pub", code=1)
    rows: list[dict[str, Any]] = json.loads(
        ledger(home, "fleet", "nodes", "fleet", "--json").stdout
    )["nodes"]
    assert [row["obstruction"] for row in rows] == ["two histories", None]
    assert rows[0]["certificate"] == (stranger / "proof.json").read_text()
    ledger(home, "fleet", "observe", "fleet", "a", *keyed, code=1)
    ledger(home, "fleet", "merge", "--fleet", "fleet", "a", "b", code=1)
    both = ledger(home, "fleet", "merge", "a", "elsewhere/a", "b", "--out", "merged", code=1)
    (stranger / "again.json").write_text(both.stdout)
    ledger(stranger, "fleet", "check", "again.json", "--pubkey", "a.pub")
    assert not (home / "merged").exists()
