"""A shell that is killed loses nothing that was acknowledged or shown, and takes its guest along."""

import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from os2shell.executors.sandbox.tree import descendants
from tests.house import Os2

LOOP = "import os, select\nprint('shown', flush=True)\nselect.select([os.pipe()[0]], [], [])\n"
"""Waits for what may yet come; a wait that nothing can end would be ended as a deadlock."""


def guests_of(shell: int) -> set[int]:
    """Processes of ``shell`` that run a guest's boot."""
    found = set()
    for pid in descendants(shell):
        with suppress(OSError):
            if b"os2guest" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(pid)
    return found


def wait_until_gone(pids: set[int]) -> None:
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline, "a guest outlived its shell"
        time.sleep(0.02)


def test_interrupted_run_is_recovered_with_its_output(os2: Os2) -> None:
    process = os2.start("python", "-c", LOOP)
    assert process.stdout
    assert process.stdout.read(6) == b"shown\n"
    process.kill()
    process.communicate()
    ran = os2.run("pyvm", "--eval", "1")
    assert "interrupted" in ran.errors
    interrupted = os2.records("--kind", "command.interrupted")
    assert len(interrupted) == 1
    assert bytes.fromhex(interrupted[0]["attributes"]["stdout"]["data"]) == b"shown\n"
    report = os2.json("python-verify", "--json")
    assert [row["verdict"] for row in report["sessions"]] == ["recorded_only", "identical"]
    told = os2.run("python-verify", "--limit", "2").text
    assert "a run without an end: the shell died before the run ended" in told
    assert "expected" not in told
    against = os2.json("python-verify", "--json", "--against", "workspace")
    assert [row["verdict"] for row in against["sessions"]] == ["recorded_only", "identical"]
    assert not list((os2.workspace / ".os2" / "spool").iterdir())


def test_a_living_shell_is_not_mistaken_for_a_crash(os2: Os2) -> None:
    process = os2.start("python", "-c", LOOP)
    assert process.stdout
    process.stdout.read(6)
    os2.run("pyvm", "--eval", "1")
    assert not os2.records("--kind", "command.interrupted")
    process.kill()
    process.communicate()


def test_a_sandbox_that_somebody_kills_is_no_divergence(os2: Os2) -> None:
    process = os2.start("python", "-c", LOOP)
    assert process.stdout
    assert process.stdout.read(6) == b"shown\n"
    outermost = next(pid for pid in descendants(process.pid) if is_bubblewrap(pid))
    os.kill(outermost, signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 137
    assert b"the run was ended: killed from outside" in errors
    (row,) = os2.json("python-verify", "--json")["sessions"]
    assert row["verdict"] == "recorded_only"


def is_bubblewrap(pid: int) -> bool:
    return Path(f"/proc/{pid}/comm").read_text().strip() == "bwrap"


def test_guest_dies_with_the_shell(os2: Os2) -> None:
    process = os2.start("python", "-c", LOOP)
    assert process.stdout
    assert process.stdout.read(6) == b"shown\n"
    deadline = time.monotonic() + 10
    while not (mine := guests_of(process.pid)):  # /proc may be read while others come and go
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.communicate()
    wait_until_gone(mine)


def test_ctrl_c_ends_the_run_with_130(os2: Os2) -> None:
    code = "try:\n print('shown', flush=True)\n for _ in iter(int, 1): pass\nfinally: print('cleaned', flush=True)"
    process = os2.start("python", "-c", code)
    assert process.stdout
    process.stdout.read(6)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert out == b"cleaned\n"
    finished = os2.records("--kind", "command.finished")[-1]["attributes"]
    assert finished["cause"] == "interrupted"


def recorded_stdout(records: list[dict[str, Any]], target: str) -> bytes:
    """What the ledger says that the run of ``target`` wrote, however it ended."""
    seq = next(
        record["seq"]
        for record in records
        if record["kind"] == "command.admitted"
        and record["attributes"]["arguments"].get("target") == target
    )
    end = next(r for r in records if r["attributes"].get("admitted") == seq)["attributes"]
    if "stdout" in end:
        return bytes.fromhex(end["stdout"]["data"])
    streams = [body for kind, body in end["events"] if kind == "python_vm_stream"]
    return bytes.fromhex(streams[0]["content"]["data"])


@pytest.mark.slow
def test_fifty_kills_at_random_moments_lose_nothing(os2: Os2) -> None:
    """Each acknowledged record must still be there, and every start must recover and go on."""
    chance = random.Random(20)
    acknowledged = 0
    shown: dict[str, bytes] = {}
    os2.run("pyvm", "--eval", "'before'")
    started = time.monotonic()
    os2.run("pyvm", "--eval", "'before'")
    usual = time.monotonic() - started
    for turn in range(50):
        try:
            out = os2.run("pyvm", "--eval", str(turn), seconds=chance.uniform(0, usual * 1.2)).out
            acknowledged += 1
        except subprocess.TimeoutExpired as killed:
            out = killed.stdout
        assert f"{turn}\n".encode().startswith(out)  # a kill may fall between two writes
        shown[str(turn)] = out
    os2.run("pyvm", "--eval", "'end'")
    records = os2.records()
    assert [record["seq"] for record in records] == list(range(len(records)))
    admitted = {r["seq"] for r in records if r["kind"] == "command.admitted"}
    ends = [
        r["attributes"]["admitted"]
        for r in records
        if r["kind"].startswith("command.") and "admitted" in r["attributes"]
    ]
    assert sorted(ends) == sorted(admitted), "every intent ended exactly once"
    for turn, out in shown.items():
        assert not out or recorded_stdout(records, turn).startswith(out), "shown, so recorded"
    finished = [r for r in records if r["kind"] == "command.finished"]
    assert len(finished) >= acknowledged + 3
    assert os2.json("ledger", "verify", "--json")["status"] == "ok"
    assert not list((os2.workspace / ".os2" / "spool").iterdir())
