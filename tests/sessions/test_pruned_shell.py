"""A shell over a ledger whose beginning was pruned: it opens, runs, and says what is gone."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ledger import Entry, FileStore, KeyFile, TokenSignatureLedger, digest, verify
from os2shell.kernel.images import IMAGE_EVERY
from tests.house import ROOT, Os2
from tests.schemas.test_schemas import check
from tests.sessions.test_key_rotation import key_of, ledger_of

SEGMENT_BYTES = 16 * 1024


def fill(os2: Os2, count: int) -> int:
    """Append records that are none of the shell's, in small segments; the size then."""
    store = FileStore(ledger_of(os2))
    signer = KeyFile(key_of(os2))
    with TokenSignatureLedger(
        store, signer, clock=time.time_ns, node="n", segment_bytes=SEGMENT_BYTES
    ) as ledger:
        for start in range(0, count, 100):
            entries = (Entry("filler", {"n": start + n}) for n in range(min(100, count - start)))
            ledger.append(*entries)
        return ledger.head.size


def prune(os2: Os2, before: int, *words: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "ledger", "prune", str(ledger_of(os2))]
    command += ["--key", str(key_of(os2)), "--before", str(before), "--yes", *words]
    ran = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        check=False,
    )
    assert ran.returncode == code, ran
    return ran.stdout + ran.stderr


def imaged(os2: Os2) -> int:
    """The seq of the newest state image."""
    return int(os2.records("--kind", "state.imaged")[-1]["seq"])


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, two thousand records, an image, a run under it, and more segments behind."""
    folder = tmp_path_factory.mktemp("pruned")
    os2 = Os2(folder / "work", folder / "home")
    os2.workspace.mkdir()
    os2.home.mkdir()
    os2.write("old.py", "print('old')")
    os2.write("once.txt", "there at the first run only")
    os2.run("python", "old.py")
    (os2.workspace / "once.txt").unlink()
    fill(os2, IMAGE_EVERY + 100)
    os2.run("pyvm", "--eval", "6 * 7")
    fill(os2, 400)
    return folder


@pytest.fixture
def os2(template: Path, tmp_path: Path) -> Os2:
    shutil.copytree(template, tmp_path / "copy", symlinks=True)
    return Os2(tmp_path / "copy" / "work", tmp_path / "copy" / "home")


def test_a_pruned_ledger_opens_runs_and_says_what_is_gone(os2: Os2) -> None:
    image = imaged(os2)
    assert "pruned   records 1 to" in prune(os2, image)
    assert os2.run("pyvm", "--eval", "2 + 2").text == "4\n"
    os2.run("python", "old.py")
    verified = os2.run("python-verify")
    assert "records 1 to" in verified.text
    assert "no run in them can be verified any more" in verified.text
    assert verified.text.splitlines()[-1] == "ok: 3 runs, 3 identical"
    found = os2.json("python-verify", "--json")
    check(found)
    assert found["ledger"]["pruned"]["from"] == 1
    assert "unreadable" not in found["counts"]
    audit = os2.json("ledger", "verify", "--json")
    check(audit)
    assert (audit["status"], audit["pruned"]) == ("ok", found["ledger"]["pruned"])
    assert "content is gone" in os2.run("ledger", "verify").text


def test_content_of_pruned_runs_goes_and_what_is_still_meant_stays(os2: Os2) -> None:
    """The workspace did not change: its capture must not name what went."""
    objects = ledger_of(os2) / "objects"
    before = {path.name for path in objects.rglob("*")}
    told = prune(os2, imaged(os2), "--objects")
    gone = before - {path.name for path in objects.rglob("*")}
    assert f"objects  {len(gone)}\n" in told
    once = digest(b"there at the first run only").hex()[2:]
    assert once in gone
    assert os2.run("python", "old.py").text == "old\n"
    os2.write("old.py", "print('changed')")
    os2.run("python", "old.py")
    assert os2.run("python-verify").text.splitlines()[-1] == "ok: 3 runs, 3 identical"
    assert verify(ledger_of(os2), objects=True).status == "ok"
    os2.run("export", "last", "-o", "case.os2z")


@pytest.mark.slow
def test_a_run_before_the_image_is_named_unreadable(os2: Os2) -> None:
    """What the run stood on went, but the run itself stays: nobody can judge it any more."""
    fill(os2, 300)
    os2.run("pyvm", "--eval", "'between'")
    size = fill(os2, IMAGE_EVERY + 100)
    os2.run("pyvm", "--eval", "'behind'")
    fill(os2, 300)
    prune(os2, size - IMAGE_EVERY - 120)
    found = os2.json("python-verify", "--json")
    check(found)
    assert found["status"] == "ok"
    assert [run["verdict"] for run in found["sessions"]] == ["unreadable", "identical"]
    assert found["counts"]["unreadable"] == 1
    told = os2.run("python-verify").text
    assert "the records before it were pruned, and no state image lies between" in told


@pytest.mark.slow
def test_without_a_bookmark_the_shell_finds_the_image_itself(os2: Os2) -> None:
    prune(os2, imaged(os2))
    shutil.rmtree(os2.workspace / ".os2" / "cache")
    assert os2.run("pyvm", "--eval", "2 + 2").text == "4\n"


def test_pruning_beyond_the_last_image_is_refused(os2: Os2) -> None:
    size = fill(os2, 300)
    segments = sorted((ledger_of(os2) / "segments").iterdir())
    told = prune(os2, size, code=5)
    assert "expected a state image (state.imaged) from record" in told
    assert "--stateless" in told
    assert sorted((ledger_of(os2) / "segments").iterdir()) == segments
    assert os2.run("pyvm", "--eval", "2 + 2").text == "4\n"
    assert os2.run("python-verify").text.splitlines()[-1] == "ok: 3 runs, 3 identical"


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["image", "object"])
def test_a_ledger_without_a_state_says_so_and_opens_no_engine(os2: Os2, loss: str) -> None:
    if loss == "image":
        prune(os2, fill(os2, 300), "--stateless")
    else:
        (record,) = os2.records("--kind", "state.imaged")
        prune(os2, record["seq"])
        for path in (ledger_of(os2) / "objects").rglob("*"):
            if path.is_file():
                path.unlink()
    ran = os2.run("pyvm", "--eval", "2 + 2", code=125)
    assert "were pruned, and no state image" in ran.errors
    assert "restore the ledger from a copy" in ran.errors
    os2.run("ledger", "log")
    os2.run("ledger", "grep", "filler", "--limit", "3")


@pytest.mark.slow
def test_evidence_of_a_pruned_ledger_is_replayed_elsewhere(os2: Os2) -> None:
    prune(os2, imaged(os2))
    os2.run("export", "last", "-o", "case.os2z")
    verified = os2.run("python-verify", "--bundle", "case.os2z")
    assert verified.text.splitlines()[-1] == "ok: 1 run, 1 identical"
