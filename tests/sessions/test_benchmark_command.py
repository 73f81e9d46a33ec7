"""The benchmark: every program agrees, what does not is told, and nothing is left behind."""

import json
import os
import pty
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from os2shell.executors.suite import STANDARD, SUITES, Program, read_suite, run_bare, suite_folder
from os2shell.executors.workers import Done, Work, spread
from os2shell.model.errors import CannotStart
from os2shell.model.guest import Tier
from os2shell.replay.benchmark import Entry, median, memory, p95, row_of
from tests.house import Os2
from tests.schemas.test_schemas import check

RUN = ("deterministic-benchmark", "run")
KINDS = {"numeric", "text", "documents", "files", "threads", "asyncio", "classes", "package"}
KINDS |= {"objects and sets", "time and entropy", "numpy", "standard input", "failure"}


def test_the_suite_has_every_kind_of_program() -> None:
    programs = {program.name: program for program in read_suite(suite_folder(), STANDARD)}
    assert set(programs) >= KINDS
    assert programs["failure"].code == 1
    assert programs["standard input"].stdin is not None
    small = read_suite(suite_folder(), "small")
    assert {program.name for program in small} < set(programs)
    assert all(set(program.suites) <= set(SUITES) for program in programs.values())


@pytest.mark.parametrize(
    "program", read_suite(suite_folder(), STANDARD), ids=lambda program: program.name
)
def test_every_program_runs_without_us(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    shutil.copytree(suite_folder(), folder)
    assert run_bare(program, folder) in {program.code, program.absent}


def test_a_small_benchmark_is_recorded_with_its_evidence(os2: Os2, tmp_path: Path) -> None:
    os2.write("mine.txt", "untouched")
    result = os2.json(*RUN, "--suite", "small", "--count", "3", "--jobs", "2", "--json")
    check(result)
    assert result["agree"] is True
    assert result["replays"] == result["agreeing"] == 3 * len(result["rows"])
    assert {row["tier"] for row in result["rows"]} == {"native", "restricted"}
    assert all(row["events"] > 5 and row["record_ns"] > 0 for row in result["rows"])
    assert 0 < result["replay_median_ns"] <= result["replay_p95_ns"] <= result["replay_wall_ns"]
    finished = os2.records("--kind", "command.finished")[-1]["attributes"]
    (event,) = finished["events"]
    assert event[0] == "deterministic_benchmark_completed"
    assert event[1]["rows"] == result["rows"]
    assert sorted(path.name for path in os2.workspace.iterdir()) == [".os2", "mine.txt"]
    _evidence_replays(os2, result["evidence"]["digest"], tmp_path)
    _status_shows(os2, result)


def _evidence_replays(os2: Os2, digest: str, tmp_path: Path) -> None:
    """The bundle in the object store is one that anybody can check and replay."""
    objects = os2.workspace / ".os2" / "ledger" / "objects"
    (found,) = [
        path for path in objects.rglob("*") if digest.endswith(path.name) and path.is_file()
    ]
    shutil.copy(found, tmp_path / "evidence.os2z")
    report = os2.json("python-verify", "--json", "--bundle", str(tmp_path / "evidence.os2z"))
    assert (report["status"], report["counts"]["identical"]) == ("ok", report["counts"]["total"])


def _status_shows(os2: Os2, result: Any) -> None:
    before = len(os2.records())
    status = os2.json("deterministic-benchmark", "status", "--json")
    check(status)
    assert [each["result"] for each in status["results"]] == [result]
    line = os2.run("deterministic-benchmark", "status").text
    assert f"{result['agreeing']} of {result['replays']} replays agree" in line
    assert len(os2.records()) == before


def test_no_benchmark_is_5(os2: Os2) -> None:
    os2.run("deterministic-benchmark", "status", code=5)
    os2.run("pyvm", "--eval", "1")
    assert "run` makes one" in os2.run("deterministic-benchmark", "status", code=5).errors


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_whole_suite_agrees(os2: Os2) -> None:
    ran = os2.run(*RUN, "--count", "1", seconds=280)
    assert "NOT ALL" not in ran.text
    assert "DID NOT END" not in ran.text
    assert ran.text.count("1/1") >= 20


def test_a_program_that_ends_otherwise_is_told(os2: Os2, tmp_path: Path) -> None:
    """Without ``random`` the restricted tier refuses one program: the run is 1, and says which."""
    from tests.house import DEFAULT_MANIFEST  # noqa: PLC0415

    text = DEFAULT_MANIFEST.read_text().replace('"random", ', "")
    manifest = tmp_path / "less.toml"
    manifest.write_text(text)
    options = ("--suite", "small", "--tier", "restricted", "--count", "1")
    ran = os2.run("--manifest", str(manifest), *RUN, *options, code=1)
    assert "chance (restricted): ended with 1" in ran.text
    told = "replays agree; 1 program DID NOT END AS IT MUST"
    assert told in ran.text
    assert told in os2.run("deterministic-benchmark", "status", code=1).text


def test_a_tier_that_is_not_granted_is_refused(os2: Os2) -> None:
    refused = os2.run("--manifest", "strict", *RUN, "--tier", "native", "--count", "1", code=125)
    assert "not for python" in refused.errors


@pytest.mark.parametrize(
    "words",
    [
        ("deterministic-benchmark",),
        ("deterministic-benchmark", "walk"),
        (*RUN, "--count"),
        (*RUN, "--count", "0"),
        (*RUN, "--jobs", "0"),
        (*RUN, "--suite", "none"),
        (*RUN, "--tier", "exact"),
        (*RUN, "--loud"),
        ("deterministic-benchmark", "status", "--limit", "0"),
    ],
)
def test_words_that_mean_nothing_are_2(os2: Os2, words: tuple[str, ...]) -> None:
    os2.run(*words, code=2)


def test_ctrl_c_ends_it_and_leaves_nothing(os2: Os2, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    os2.env["TMPDIR"] = str(scratch)
    process = os2.start(*RUN, "--count", "1000", "--suite", "small", start_new_session=True)
    deadline = time.monotonic() + 60
    while not list(scratch.glob("*/work/.os2/ledger/segments/*")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert b"interrupted" in said
    assert list(scratch.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)  # no worker survives
    assert os2.records("--kind", "command.failed")[-1]["attributes"]["cause"] == "interrupted"


def test_a_terminal_sees_a_bar_that_goes_away(os2: Os2) -> None:
    ours, theirs = pty.openpty()
    options = ("--suite", "small", "--tier", "native", "--count", "2")
    process = os2.start(*RUN, *options, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:
            break
        shown += chunk
    os.close(ours)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"recording" in shown
    assert b"8/8" in shown
    assert shown.endswith(b"\r\x1b[K")


def _square(task: int) -> object:
    return task * task


def test_workers_perform_every_task_once() -> None:
    done = list(spread([range(0, 50, 2), range(1, 50, 2), ()], lambda: _square))
    assert sorted((each.task, each.answer) for each in done) == [(n, n * n) for n in range(50)]
    assert {each.worker for each in done} == {0, 1}
    assert all(each.duration_ns > 0 and each.memory_bytes > 1 << 20 for each in done)


def test_a_failing_worker_ends_all_and_is_named() -> None:
    def prepare() -> Work:
        def work(task: int) -> object:
            if task == 3:
                raise CannotStart("there is no third")
            return os.getpid()

        return work

    seen: list[int] = []
    found = spread([range(4), [9] * 10_000], prepare)
    with pytest.raises(CannotStart, match="there is no third"):
        seen.extend(each.answer for each in found)
    for pid in set(seen):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_worker_that_dies_is_named() -> None:
    def die(_task: int) -> object:
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    with pytest.raises(CannotStart, match="ended early"):
        list(spread([range(2)], lambda: die))


def _done(answer: object, duration_ns: int = 5, worker: int = 0, held: int = 1) -> Done:
    return Done(0, answer, duration_ns, held, worker)


def test_rows_count_what_differs() -> None:
    program = Program("p", ("p.py",), (Tier.NATIVE,), (STANDARD,), None, 1, 69)
    entry = Entry(program, Tier.NATIVE)
    same, other = _done(["identical", None]), _done(["diverged", "stdout: a became b"], 9)
    good = row_of(entry, _done([1, "exit"]), [same, same], [3, 1, 2], 7)
    assert (good.agreeing, good.good, good.bare_median_ns, good.divergence) == (2, True, 2, None)
    bad = row_of(entry, _done([1, "exit"]), [same, other], [1], 7)
    assert (bad.agreeing, bad.good, bad.divergence) == (1, False, "stdout: a became b")
    assert (bad.replay_median_ns, bad.replay_p95_ns) == (5, 9)
    assert not row_of(entry, _done([0, "exit"]), [same], [1], 7).good
    assert not row_of(entry, _done([1, "limit.wall"]), [same], [1], 7).good
    absent = row_of(entry, _done([69, "exit"]), [same], [1], 7)
    assert (absent.skipped, absent.good) == (True, True)


def test_an_absent_library_hides_no_divergence() -> None:
    program = Program("p", ("p.py",), (Tier.NATIVE,), (STANDARD,), None, 0, 69)
    other = _done(["diverged", "what"])
    assert not row_of(Entry(program, Tier.NATIVE), _done([69, "exit"]), [other], [1], 7).good


def test_percentiles_are_measured_times() -> None:
    assert (median([4, 1, 3, 2]), median([9]), p95([9])) == (2, 9, 9)
    assert p95(list(range(1, 101))) == 95
    assert p95(list(range(1, 21))) == 19


def test_memory_is_the_largest_of_each_moment() -> None:
    rows = [_done(0, worker=n % 2, held=100 + n) for n in range(40)]
    assert memory(rows) == (105, 139)


def test_the_shipped_answer_is_found_where_it_lies() -> None:
    assert (suite_folder() / "suite.toml").is_file()
    with tempfile.TemporaryDirectory() as empty, pytest.raises(CannotStart, match=r"suite\.toml"):
        read_suite(Path(empty), STANDARD)
    assert json.dumps([program.name for program in read_suite(suite_folder(), "none")]) == "[]"


def test_bare_python_is_bare(tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text("import os, sys; sys.exit('SECRET' in os.environ)")
    (tmp_path / "q.py").write_text("import sys; sys.exit(len(sys.stdin.read()))")
    (tmp_path / "in").write_text("four")
    plain = Program("p", ("p.py",), (Tier.NATIVE,), (STANDARD,), None, 0, None)
    reads = Program("q", ("q.py",), (Tier.NATIVE,), (STANDARD,), "in", 4, None)
    assert run_bare(plain, tmp_path) == 0
    assert run_bare(reads, tmp_path) == 4
