"""Back: verify, replay, export; what each says when something is not as it was."""

import json
import shutil
from pathlib import Path

import pytest

from ledger import verify
from tests.house import Os2


@pytest.fixture
def recorded(os2: Os2) -> Os2:
    os2.write(
        "tool.py", "import random, sys\nprint(random.random())\nopen('r.txt','w').write('result')"
    )
    os2.run("python", "tool.py")
    os2.run("pyvm", "--eval", "sum(range(10))")
    return os2


def test_verify_performs_every_run_again(recorded: Os2) -> None:
    report = recorded.json("python-verify", "--json")
    assert report["schema"] == "os2.python-verify/1"
    assert report["status"] == "ok"
    assert [row["verdict"] for row in report["sessions"]] == ["identical", "identical"]
    assert [row["tier"] for row in report["sessions"]] == ["native", "restricted"]
    assert report["counts"]["identical"] == report["counts"]["total"] == 2
    assert report["ledger"]["trusted"] is True
    events = recorded.records("--kind", "command.finished")[-1]["attributes"]["events"]
    assert events[0][0] == "python_vm_replay_verified"


def test_limit_and_session_choose(recorded: Os2) -> None:
    assert recorded.json("python-verify", "--json", "--limit", "1")["counts"]["total"] == 1
    first = recorded.records("--kind", "session.opened")[0]["session"]
    assert recorded.json("python-verify", "--json", "--session", first)["counts"]["total"] == 1
    recorded.run("python-verify", "--session", "s999", code=5)


def test_later_edits_do_not_matter(recorded: Os2) -> None:
    (recorded.workspace / "tool.py").unlink()
    recorded.write("r.txt", "other")
    assert recorded.json("python-verify", "--json")["status"] == "ok"


def test_against_workspace_names_changed_inputs(recorded: Os2) -> None:
    same = recorded.json("python-verify", "--json", "--against", "workspace")
    assert [row["verdict"] for row in same["sessions"]] == ["identical", "identical"]
    tool = recorded.workspace / "tool.py"
    tool.write_text(tool.read_text() + "\n# a comment\n")
    kept = recorded.json("python-verify", "--json", "--against", "workspace")
    row = kept["sessions"][0]
    assert row["verdict"] == "input_changed"
    assert [item["path"] for item in row["inputs"]["paths"]] == ["tool.py"]
    assert len(row["inputs"]["paths"][0]["recorded"]) == 64
    assert row["inputs"]["same_result"] is True
    assert kept["status"] == "ok"
    recorded.write("tool.py", "print('else')")
    broke = recorded.json("python-verify", "--json", "--against", "workspace", code=1)
    row = broke["sessions"][0]
    assert (row["verdict"], row["inputs"]["same_result"]) == ("input_changed", False)
    assert "stdout, line 1" in row["divergence"]["what"]
    assert broke["status"] == "diverged"


def test_a_run_that_never_began_holds_against_the_workspace(os2: Os2) -> None:
    os2.run("python", "nowhere.py", code=None)
    found = os2.json("python-verify", "--json", "--against", "workspace")
    assert (found["status"], found["counts"]["identical"]) == ("ok", 1)


def test_nothing_to_verify_is_5(os2: Os2) -> None:
    os2.run("python-verify", code=5)
    os2.run("ledger", "verify", code=5)
    assert os2.run("ledger", "log", code=5).errors


def test_replay_names_the_first_difference(recorded: Os2) -> None:
    assert "identical" in recorded.run("replay", "last", "--diff").text
    recorded.run("replay", "s999", code=5)


def test_bundle_verifies_on_another_machine(recorded: Os2, tmp_path: Path) -> None:
    first = recorded.records("--kind", "session.opened")[0]["session"]
    recorded.run("export", first, "-o", "evidence.os2z")
    stranger = Os2(tmp_path / "elsewhere", tmp_path / "other-home")
    stranger.workspace.mkdir()
    stranger.home.mkdir()
    shutil.copy(recorded.workspace / "evidence.os2z", stranger.workspace)
    report = stranger.json("python-verify", "--json", "--bundle", "evidence.os2z")
    assert report["status"] == "ok"
    assert report["counts"]["identical"] == 1
    assert report["ledger"]["trusted"] is False
    data = bytearray((stranger.workspace / "evidence.os2z").read_bytes())
    data[len(data) // 2] ^= 1
    (stranger.workspace / "evidence.os2z").write_bytes(data)
    stranger.run("python-verify", "--bundle", "evidence.os2z", code=1)
    stranger.run("python-verify", "--bundle", "absent.os2z", code=4)


def test_a_flipped_byte_is_named_and_deeds_are_refused(recorded: Os2) -> None:
    target = recorded.segment
    data = bytearray(target.read_bytes())
    at = data.index(b"tool.py")
    data[at] ^= 1
    target.write_bytes(data)
    found = recorded.json("ledger", "verify", "--json", code=1)
    assert found["status"] == "broken"
    admitted = found["first_bad"]["seq"]
    assert f"record {admitted}" in recorded.run("ledger", "verify", code=1).text.replace(
        "bad     ", ""
    )
    report = recorded.json("python-verify", "--json", code=1)
    assert report["status"] == "broken"
    assert report["ledger"]["first_bad"]["seq"] == admitted


def test_a_damaged_object_is_named(recorded: Os2) -> None:
    tree = recorded.workspace / ".os2" / "ledger" / "objects"
    objects = sorted(path for path in tree.rglob("*") if path.is_file())
    for path in objects:
        path.chmod(0o644)
        path.write_bytes(path.read_bytes() + b"x")
    found = recorded.json("ledger", "verify", "--json", code=1)
    first = recorded.records("--kind", "command.finished")[0]["seq"]
    assert (found["status"], found["first_bad"]["seq"]) == ("broken", first)
    rows = recorded.json("python-verify", "--json", code=1)["sessions"]
    assert {row["verdict"] for row in rows} == {"tampered"}
    assert "object" in rows[0]["divergence"]["got"]


def test_tamper_demo_finds_all_and_touches_nothing(recorded: Os2) -> None:
    before = {
        path: path.read_bytes()
        for path in (recorded.workspace / ".os2").rglob("*")
        if path.is_file()
    }
    shown = recorded.run("tamper-demo").text
    assert shown.count("found") >= 4
    assert "signature" in shown
    after = {
        path: path.read_bytes()
        for path in (recorded.workspace / ".os2").rglob("*")
        if path.is_file()
    }
    assert before == after


def test_show_and_log(recorded: Os2) -> None:
    body = json.loads(recorded.run("ledger", "show", "0", "--json").out)
    assert (body["schema"], body["kind"]) == ("os2.ledger-record/1", "ledger.created")
    assert "command.admitted" in recorded.run("ledger", "log").text
    recorded.run("ledger", "show", "9999", code=2)


def test_the_ledger_by_itself_follows_traces_and_trees(recorded: Os2) -> None:
    """Without the shell, each object of a run is found missing, by the same names."""
    recorded.write("deep/data.txt", "content")
    recorded.run("python", "-c", "import sys; sys.stdout.write('x' * 40_000)")
    log = recorded.workspace / ".os2" / "ledger"
    held = [path for path in (log / "objects").rglob("*") if path.is_file()]
    assert len(held) > 4
    assert verify(log, objects=True).status == "ok"
    for path in held:
        kept = path.read_bytes()
        path.unlink()
        found = verify(log, objects=True)
        assert found.first_bad is not None
        assert path.parent.name + path.name in found.first_bad.reason
        told = recorded.json("ledger", "verify", "--json", code=1)
        assert told["first_bad"]["seq"] == found.first_bad.seq
        path.write_bytes(kept)
