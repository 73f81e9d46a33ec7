"""What new users would not have forgiven; each was found by one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import Os2, strict


def test_export_leaves_the_ledger_whole_and_overwrites_nothing(os2: Os2) -> None:
    os2.run("python", "-c", "print(1)")
    os2.run("export", "last", "-o", "evidence.os2z")
    assert os2.json("ledger", "verify", "--json")["status"] == "ok"
    before = (os2.workspace / "evidence.os2z").read_bytes()
    assert "exists" in os2.run("export", "last", "-o", "evidence.os2z", code=2).errors
    assert (os2.workspace / "evidence.os2z").read_bytes() == before
    assert "no folder" in os2.run("export", "last", "-o", "none/x.os2z", code=2).errors
    os2.run("--manifest", "strict", "export", "last", "-o", "other.os2z", code=126)
    assert not (os2.workspace / "other.os2z").exists()


def test_many_long_paths_end_on_record(os2: Os2) -> None:
    code = (
        "import os\n"
        "deep = '/'.join(['x' * 60] * 8)\n"
        "os.makedirs(deep)\n"
        "for n in range(300): open(f'{deep}/{n}', 'w').close()\n"
    )
    os2.write("many.py", code)
    os2.run("python", "many.py")
    finished = os2.records("--kind", "command.finished")[-1]["attributes"]
    assert dict(finished["events"])["python_vm_complete"]["changes"]
    assert os2.json("python-verify", "--json")["status"] == "ok"


@pytest.mark.parametrize("words", [["-c", "#" * 80_000], ["-c", "1", *map(str, range(20_000))]])
def test_long_arguments_are_usage_errors(os2: Os2, words: list[str]) -> None:
    assert "put the program" in os2.run("python", *words, code=2).errors


def test_a_verb_alone_is_told_without_a_blank_too_many(os2: Os2) -> None:
    ran = os2.run("replay", code=2)
    assert ran.errors.startswith("os2: replay; expected replay ")


def test_arguments_that_are_not_text_are_usage_errors(os2: Os2) -> None:
    assert (
        "cannot be recorded" in os2.run("python", "-c", "1", os.fsdecode(b"bad\xff"), code=2).errors
    )


def test_nobody_forges_lines_of_the_log_by_a_name(os2: Os2) -> None:
    assert (
        "printable" in os2.run("--actor", "eve\n  99  alice", "pyvm", "--eval", "1", code=2).errors
    )
    assert "printable" in os2.run("--actor", "e" * 70_000, "pyvm", "--eval", "1", code=2).errors


def test_a_wrong_folder_is_not_made(os2: Os2) -> None:
    assert "no folder" in os2.run("-C", "nowhere", "python", "-c", "1", code=2).errors
    assert not (os2.workspace / "nowhere").exists()


def test_half_a_ledger_gets_no_second_key(os2: Os2) -> None:
    os2.run("pyvm", "--eval", "1")
    os2.segment.unlink()
    keys = sorted(Path(os2.home).rglob("*.key"))
    ran = os2.run("pyvm", "--eval", "1", code=125)
    assert "the log was cut" in ran.errors
    assert sorted(Path(os2.home).rglob("*.key")) == keys


@pytest.mark.parametrize(
    ("redirect", "code"), [("> /dev/full", 125), (">&-", 125), ("| head -1", 0)]
)
def test_a_bad_stdout_is_said(os2: Os2, redirect: str, code: int) -> None:
    os2.run("pyvm", "--eval", "1")
    script = f"{sys.executable} -m os2shell ledger log {redirect}"
    ran = subprocess.run(
        ["sh", "-c", script],
        cwd=os2.workspace,
        env=os2.environment(),
        capture_output=True,
        check=False,
    )
    assert ran.returncode == code
    assert b"Traceback" not in ran.stderr
    assert (b"stdout cannot be written" in ran.stderr) == (code != 0)


def test_a_closed_stderr_stops_nothing(os2: Os2) -> None:
    script = f'{sys.executable} -m os2shell python -c \'open("side", "w")\' 2>&-'
    ran = subprocess.run(
        ["sh", "-c", script],
        cwd=os2.workspace,
        env=os2.environment(),
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 0
    assert (os2.workspace / "side").exists()


def test_a_program_that_locks_everything_keeps_its_run(os2: Os2) -> None:
    os2.write("in.txt", "1")
    code = "import os\nopen('out.txt', 'w').write('2')\nfor n in ('in.txt', 'out.txt', '.'): os.chmod(n, 0)"
    os2.run("python", "-c", code)
    assert (os2.workspace / "out.txt").read_text() == "2"


def test_a_damaged_ledger_refuses_deeds_with_125(os2: Os2) -> None:
    os2.run("pyvm", "--eval", "1")
    data = bytearray(os2.segment.read_bytes())
    data[0] ^= 1
    os2.segment.write_bytes(data)
    os2.run("python", "-c", "1", code=125)


def test_help_where_people_look_for_it(os2: Os2) -> None:
    assert os2.run("python", "--help").text == os2.run("help", "python").text
    assert os2.run("ledger", "-h").text.startswith("ledger — ")


def test_a_limit_names_its_key(os2: Os2) -> None:
    ran = os2.run("--manifest", strict(os2), "pyvm", "--eval", "'x' * 5_000_000", code=124)
    assert "output_mib = 4 in manifest strict" in ran.errors
