"""One seed, one world: every program here observes the same bytes, however often it is recorded."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.house import Os2
from tests.probes.halting import HALTED, ORDERED, halting
from tests.probes.installed import installed
from tests.probes.recording import (
    FOLDER,
    PROBES,
    Observed,
    furnish,
    load,
    needs,
    record,
    record_many,
)

REFUSED = {
    "entropy_hardware": "hardware.so: rdrand at 0x",
    "native_made": "rdrand at offset",
    "process_signals": "stopping and continuing a process beside others is not deterministic",
    "signal_timers": "timers of used processor time are not deterministic, and refused",
}
"""What is refused by name, and how."""
VARY_WITHOUT_SANDBOX = (
    "clock_time", "clock_datetime", "clock_file_times", "clock_os_times", "entropy_os",
    "entropy_random", "entropy_secrets", "entropy_hash", "files_databases", "identity_repr",
    "process_python", "package_mail",
)  # fmt: skip


def test_there_are_forty_programs() -> None:
    assert len([name for name in PROBES if not name.startswith("thread_")]) >= 40


def says_what_it_must(probe: str, recorded: Observed) -> None:
    assert recorded.cause == "exit"
    assert recorded.out
    assert REFUSED.get(probe, "") in recorded.out


@pytest.mark.short_of("test_twenty_recordings_are_equal")
@pytest.mark.parametrize("probe", PROBES)
def test_two_recordings_are_equal(probe: str, tmp_path: Path) -> None:
    furnish(probe, tmp_path)
    first = record(tmp_path)
    with load():
        second = record(tmp_path)
    assert first == second
    says_what_it_must(probe, first)


@pytest.mark.slow
@pytest.mark.parametrize("probe", PROBES)
def test_twenty_recordings_are_equal(probe: str, tmp_path: Path) -> None:
    """Alone, beside each other, and, where there is an order, halted anywhere and for long."""
    furnish(probe, tmp_path)
    first = record(tmp_path)
    says_what_it_must(probe, first)
    halted = HALTED if probe in ORDERED else 0
    for again in record_many(tmp_path, 19 - halted):
        assert again == first
    for _ in range(halted):
        assert record(tmp_path, halting) == first


@pytest.mark.parametrize("probe", VARY_WITHOUT_SANDBOX)
def test_programs_can_tell_two_runs_apart(probe: str, tmp_path: Path) -> None:
    """Outside a sandbox the same programs differ; else they would prove nothing."""
    seen = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        words = [sys.executable, "-P", str(FOLDER / f"{probe}.py")]
        done = subprocess.run(words, cwd=folder, capture_output=True, check=False, timeout=60)
        seen.append(done.stdout)
        time.sleep(0.02)
    assert seen[0] != seen[1]


PLAIN = [name for name in PROBES if not needs(name, "packages") and not needs(name, "extension")]


@pytest.mark.slow
def test_two_sessions_in_two_folders_are_equal_and_replay(tmp_path: Path) -> None:
    """Through the whole of os2: another folder, another time, another environment, a busy machine."""
    sessions = []
    for number in range(2):
        workspace, home = tmp_path / ("deeper" * number) / "work", tmp_path / f"home{number}"
        workspace.mkdir(parents=True)
        home.mkdir()
        house = Os2(workspace, home, {"OS2_TEST_FILLING": "x" * 4000 * number})
        for name in PLAIN:
            house.write(f"{name}.py", (FOLDER / f"{name}.py").read_text())
        lines = [f"python --seed {at} {name}.py" for at, name in enumerate(PLAIN, 7)]
        house.write("all.os2", "\n".join(lines))
        with load(number):
            done = house.run("run-script", "all.os2", "--keep-going", code=None, seconds=300)
        ends = house.records("--kind", "command.finished")
        runs = filter(None, (_of_run(row["attributes"]["events"]) for row in ends))
        sessions.append((done.out, dict(zip(PLAIN, runs, strict=True))))
    for name in PLAIN:
        assert sessions[0][1][name] == sessions[1][1][name], name
    assert sessions[0] == sessions[1]
    report = house.json("python-verify", "--json")
    assert {row["verdict"] for row in report["sessions"]} == {"identical"}
    assert report["counts"]["total"] == len(PLAIN)


@pytest.mark.slow
@pytest.mark.parametrize("probe", ["package_numpy", "package_pandas"])
def test_packages_of_an_environment_replay(probe: str, tmp_path: Path) -> None:
    """Through the whole of os2: recorded twice with one seed, on a clock of its own, and replayed."""
    house = installed().copied(tmp_path)
    house.write("probe.py", (FOLDER / f"{probe}.py").read_text())
    begun = len(house.records())
    texts = {house.run("python", "--seed", "7", "probe.py", code=None).out for _ in range(2)}
    assert len(texts) == 1
    other = house.run("python", "probe.py", code=None)
    assert other.out not in texts
    sessions = [row["session"] for row in house.records("--kind", "session.opened")]
    for session in sessions[-3:]:
        report = house.json("python-verify", "--session", session, "--json")
        assert [row["verdict"] for row in report["sessions"]] == ["identical"]
    assert len(house.records()) > begun


def _of_run(events: list[list[object]]) -> list[list[object]]:
    """World, streams, ending and tree; neither what it ran on nor what it used."""
    kept = ("python_vm_start", "python_vm_stream", "python_vm_complete")
    return [event for event in events if event[0] in kept]


def test_seed_chooses_entropy_and_clock_of_two_days(tmp_path: Path) -> None:
    """Nothing of the day is left in a recording with a seed; --clock alone overrides the instant."""
    code = "import time, random, sqlite3; print(time.time(), random.random())"
    starts = []
    for number, words in enumerate(
        (["--seed", "5"], ["--seed", "5"], ["--seed", "5", "--clock", "now"])
    ):
        workspace, home = tmp_path / f"w{number}", tmp_path / f"h{number}"
        workspace.mkdir()
        home.mkdir()
        house = Os2(workspace, home)
        house.run("python", *words, "-c", code)
        events = house.records("--kind", "command.finished")[0]["attributes"]["events"]
        starts.append(next(body for kind, body in events if kind == "python_vm_start"))
    assert starts[0] == starts[1]
    assert starts[0]["clock_start_ns"] < 1_767_225_600 * 10**9  # of the seed, not of today
    assert starts[2]["seed"] == starts[0]["seed"]
    assert abs(starts[2]["clock_start_ns"] - time.time_ns()) < 600 * 10**9
