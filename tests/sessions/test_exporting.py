"""Records leave the shell in several forms, and evidence comes in."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ledger import digest, read_bundle
from ledger.__main__ import main
from tests.house import Os2


@pytest.fixture
def ran(os2: Os2) -> Os2:
    os2.run("pyvm", "--eval", "6 * 7")
    return os2


def test_a_bundle_with_its_verifier(ran: Os2) -> None:
    ran.run("export", "last", "-o", "x.os2z", "--verifier", "verify_os2.py")
    script = str(ran.workspace / "verify_os2.py")
    found = subprocess.run(
        [sys.executable, script, str(ran.workspace / "x.os2z"), "--json"],
        capture_output=True,
        check=True,
    )
    assert json.loads(found.stdout)["status"] == "ok"
    assert "exists" in ran.run("export", "last", "-o", "y", "--verifier", "x.os2z", code=2).errors
    assert not (ran.workspace / "y").exists()
    event = dict(ran.records("--kind", "command.finished")[-1]["attributes"]["events"])
    assert event["ledger_exported"]["format"] == "bundle"


@pytest.mark.parametrize("form", ["jsonl", "ocsf", "otel"])
def test_text_forms(form: str, ran: Os2) -> None:
    ran.run("export", "last", "-o", "x", "--format", form)
    rows = [json.loads(row) for row in (ran.workspace / "x").read_bytes().splitlines()]
    assert rows
    if form == "ocsf":
        session = ran.records("--kind", "session.opened")[-2]["session"]
        sessions = {row["actor"]["session"]["uid"] for row in rows if "session" in row["actor"]}
        assert session in sessions


def test_the_whole_ledger_comes_back(ran: Os2, tmp_path: Path) -> None:
    ran.run("export", "all", "-o", "x.jsonl", "--format", "jsonl")
    made = tmp_path / "made"
    assert main(["import", str(ran.workspace / "x.jsonl"), "--into", str(made)]) == 0
    mine = ran.segment.read_bytes()
    copy = (made / "segments" / ran.segment.name).read_bytes()
    assert mine.startswith(copy)  # what the export itself recorded came later


def test_a_car_of_a_session(ran: Os2) -> None:
    ran.run("export", "last", "-o", "x.car", "--format", "car")
    assert (ran.workspace / "x.car").stat().st_size > 1000


def test_foreign_evidence_is_kept_and_verified(ran: Os2, tmp_path: Path) -> None:
    golden = Path(__file__).parents[1] / "golden" / "session-v1.os2z"
    with read_bundle(golden) as bundle:
        signer = str(bundle.signer)
    said = ran.run("import-evidence", str(golden), "--pubkey", signer).text
    assert "9 of 11 records" in said
    (record,) = ran.records("--kind", "command.finished")[-1:]
    event = dict(record["attributes"]["events"])["evidence_imported"]
    assert event["trusted"] is True
    assert event["signer"] == signer
    name = digest(golden.read_bytes()).hex()
    kept = ran.workspace / ".os2" / "ledger" / "objects" / name[:2] / name[2:]
    assert kept.read_bytes() == golden.read_bytes()
    assert main(["verify", str(ran.workspace / ".os2" / "ledger"), "--objects"]) == 0
    assert "its own claim" in ran.run("import-evidence", str(golden)).text


def test_evidence_that_does_not_hold_is_not_kept(ran: Os2) -> None:
    golden = Path(__file__).parents[1] / "golden" / "session-v1.os2z"
    data = golden.read_bytes()
    (ran.workspace / "bad.os2z").write_bytes(data[:99] + bytes([data[99] ^ 1]) + data[100:])
    before = sorted((ran.workspace / ".os2" / "ledger" / "objects").rglob("*"))
    assert "no evidence" in ran.run("import-evidence", "bad.os2z", code=1).errors
    other = "os2shell/x+20a075ea+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
    assert "--pubkey" in ran.run("import-evidence", str(golden), "--pubkey", other, code=2).errors
    assert "no file" in ran.run("import-evidence", "none.os2z", code=2).errors
    after = sorted((ran.workspace / ".os2" / "ledger" / "objects").rglob("*"))
    names = {digest(data).hex()[2:], digest((ran.workspace / "bad.os2z").read_bytes()).hex()[2:]}
    assert not names & {path.name for path in {*after} - {*before}}


@pytest.mark.parametrize(
    "words",
    [
        ["export", "last"],
        ["export", "-o", "x"],
        ["export", "last", "-o", "x", "--format", "pdf"],
        ["export", "last", "-o", "x", "-o", "y"],
        ["export", "last", "other", "-o", "x"],
        ["export", "last", "-o"],
        ["import-evidence"],
        ["import-evidence", "a", "b"],
        ["import-evidence", "a", "--pubkey"],
    ],
)
def test_misuse(words: list[str], ran: Os2) -> None:
    assert "expected" in ran.run(*words, code=2).errors
