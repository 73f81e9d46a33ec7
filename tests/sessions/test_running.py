"""Running Python through the whole house: what a user sees, and what the ledger then says."""

import subprocess
import time

import pytest

from tests.house import DEFAULT_MANIFEST, Os2


def test_a_script_runs_streams_and_changes_the_workspace(os2: Os2) -> None:
    os2.write("data/in.txt", "4 5")
    os2.write(
        "sum.py",
        "import sys\n"
        "numbers = [int(x) for x in open('data/in.txt').read().split()]\n"
        "open('out.txt', 'w').write(str(sum(numbers)))\n"
        "print('sum', sum(numbers), sys.argv[1:])\n"
        "print('warned', file=sys.stderr)\n"
        "sys.exit(3)\n",
    )
    ran = os2.run("python", "sum.py", "a b", "--flag", code=3)
    assert ran.text == "sum 9 ['a b', '--flag']\n"
    assert "warned\n" in ran.errors
    assert (os2.workspace / "out.txt").read_text() == "9"
    finished = os2.records("--kind", "command.finished")[-1]["attributes"]
    assert (finished["code"], finished["cause"]) == (3, "exit")
    events = dict(finished["events"])
    assert events["python_vm_complete"]["changes"] == [["out.txt", "added"]]
    assert "network-namespace" in events["python_vm_sandbox_created"]["layers"]


def test_every_record_names_actor_session_and_token(os2: Os2) -> None:
    os2.run("python", "-c", "1")
    os2.run("--actor", "robot", "pyvm", "--eval", "1+1")
    records = os2.records()
    admitted = [record for record in records if record["kind"] == "command.admitted"]
    assert [record["actor"] for record in admitted] == ["tester", "robot"]
    assert all(record["session"] and record["token"] == "local" for record in admitted)
    opened = [record for record in records if record["kind"] == "session.opened"]
    assert [f"s{record['seq']}" for record in opened] == [r["session"] for r in admitted]


def test_code_module_and_eval(os2: Os2) -> None:
    os2.write("pack/__init__.py", "")
    os2.write("pack/part.py", "NAME = 'part'")
    os2.write(
        "pack/__main__.py", "from pack.part import NAME\nimport sys\nprint(NAME, sys.argv[1:])"
    )
    assert os2.run("python", "-c", "import sys; print(sys.argv)", "x").text == "['-c', 'x']\n"
    assert os2.run("python", "-m", "pack", "y").text == "part ['y']\n"
    assert os2.run("pyvm", "--eval", "1+1").text == "2\n"


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (["2**64"], "18446744073709551616\n"),
        (["math.floor(math.pi * 2)"], "6\n"),  # modules that it names need no import
        (["math.pi"], "3.141592653589793\n"),  # a dotted name that is no module
        (["[json.dumps(pair) for pair in pairs.ALL]"], "['1', '2']\n"),
        (["(lambda x: textwrap.shorten(x, 9))('one two three')"], "'one [...]'\n"),
        (["None"], ""),
        (["x = 3; print(x)"], "3\n"),
        (["--", "-1"], "-1\n"),
        (["pairs", "y"], "run ['y']\n"),  # a module of the workspace
    ],
)
def test_pyx_takes_an_expression_or_a_module(os2: Os2, words: list[str], out: str) -> None:
    os2.write(
        "pairs.py",
        "import sys\nALL = [1, 2]\nif __name__ == '__main__': print('run', sys.argv[1:])",
    )
    assert os2.run("pyx", *words).text == out
    report = os2.json("python-verify", "--json")
    assert [row["verdict"] for row in report["sessions"]] == ["identical"]


def test_pyx_says_what_is_neither(os2: Os2) -> None:
    assert "name 'nosuch' is not defined" in os2.run("pyx", "nosuch", code=1).errors
    assert "SyntaxError" in os2.run("pyx", "1 +", code=1).errors
    assert "an expression or a module" in os2.run("pyx", code=2).errors
    assert "strict" in os2.run("--manifest", "strict", "pyx", "1", code=126).errors


def test_output_without_newline_arrives_while_the_program_runs(os2: Os2) -> None:
    code = "import sys, threading\nprint('early', end='')\nsys.stdin.readline()\nprint('late')"
    process = os2.start("python", "-c", code, stdin=subprocess.PIPE)
    assert process.stdout
    assert process.stdin
    assert process.stdout.read(5) == b"early"
    process.stdin.write(b"\n")
    process.stdin.close()
    assert process.stdout.read() == b"late\n"
    assert process.wait(20) == 0
    process.stdout.close()
    assert process.stderr
    process.stderr.close()


def test_stdin_is_passed_and_recorded(os2: Os2) -> None:
    code = "import sys\nfor line in sys.stdin: print(line.upper(), end='')"
    assert os2.run("python", "-c", code, stdin=b"one\ntwo\n").text == "ONE\nTWO\n"
    assert os2.json("python-verify", "--json")["counts"]["identical"] == 1


def test_seed_decides_entropy_and_clock(os2: Os2) -> None:
    code = "import random, time, os, uuid; print(random.random(), time.time(), os.urandom(4), uuid.uuid4())"
    one = os2.run("python", "--seed", "7", "-c", code).out
    assert os2.run("python", "--seed", "7", "-c", code).out == one
    assert os2.run("python", "--seed", "8", "-c", code).out != one
    assert os2.run("python", "-c", code).out != os2.run("python", "-c", code).out
    told = os2.run(
        "python",
        "--seed",
        "7",
        "--clock",
        "2026-01-31T12:00:00Z",
        "-c",
        "import time; print(int(time.time()))",
    )
    assert told.text == "1769860800\n"


def test_only_the_captured_workspace_is_visible(os2: Os2) -> None:
    os2.write("seen.txt", "1")
    os2.write("hidden.log", "2")
    os2.write(".env", "SECRET=1")
    os2.write(".os2ignore", "*.log\n")
    ran = os2.run(
        "python",
        "-c",
        "import os; print(sorted(os.listdir('.')), os.path.exists('/home'), sorted(os.environ))",
    )
    assert ran.text.startswith("['.os2ignore', 'seen.txt']")
    assert "OS2_ACTOR" not in ran.text
    os2.run("python", "hidden.log", code=2)


def test_network_is_not_there(os2: Os2) -> None:
    code = "import socket\ntry:\n socket.create_connection(('127.0.0.1', 22), 1)\nexcept OSError as e: print(type(e).__name__)"
    assert os2.run("python", "-c", code).text.strip() in {"ConnectionRefusedError", "OSError"}


@pytest.mark.parametrize(
    ("limit", "code", "cause"),
    [
        ("wall_seconds = 1", "import os, select; select.select([os.pipe()[0]], [], [])", "limit.wall"),
        ("cpu_seconds = 1", "while True: pass", "limit.cpu"),
        ("memory_mib = 128", "x = bytearray(10**9)", "limit.memory"),
        ("output_mib = 1", "while True: print('x' * 1000)", "limit.output"),
        ("files = 200", "for n in range(100000): open(f'f{n}', 'w').close()", "limit.files"),
        ("processes = 4", "import os, time\nwhile True:\n try:\n  if os.fork() == 0: time.sleep(0); os.read(os.pipe()[0], 1)\n except OSError: pass", "limit.processes"),
        ("workspace_mib = 4", "open('big', 'wb').write(b'x' * 50_000_000)", "limit.workspace_bytes"),
    ],
)  # fmt: skip
def test_each_limit_ends_the_run_with_124_and_a_cause(
    os2: Os2, limit: str, code: str, cause: str
) -> None:
    name = limit.partition(" ")[0]
    text = DEFAULT_MANIFEST.read_text()
    lines = [limit if line.startswith(f"{name} ") else line for line in text.splitlines()]
    os2.write("../limits.toml", "\n".join(lines))
    started = time.monotonic()
    os2.run("--manifest", "../limits.toml", "python", "-c", code, code=124, seconds=60)
    assert time.monotonic() - started < 30
    finished = os2.records("--kind", "command.finished")[-1]["attributes"]
    assert finished["cause"] == cause
    assert os2.json("python-verify", "--json")["status"] == "ok"


def test_a_program_cannot_make_secrets_visible_to_the_next(os2: Os2) -> None:
    os2.write(".env", "SECRET=1")
    ran = os2.run("python", "-c", "open('.os2ignore', 'w').write('!.env\\n'); open('x', 'w')")
    assert "not theirs to change" in ran.errors
    assert (os2.workspace / "x").exists()
    assert not (os2.workspace / ".os2ignore").exists()
    assert os2.run("python", "-c", "import os; print(os.path.exists('.env'))").text == "False\n"


def test_a_conflicting_edit_is_kept(os2: Os2) -> None:
    os2.write("shared.txt", "old")
    code = "import sys; sys.stdin.readline(); open('shared.txt', 'w').write('program')"
    process = os2.start("python", "-c", "print('up');" + code, stdin=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.read(3) == b"up\n"
    os2.write("shared.txt", "user")
    _, err = process.communicate(b"\n", timeout=20)
    assert (os2.workspace / "shared.txt").read_text() == "user"
    beside = [path for path in os2.workspace.iterdir() if path.name.startswith("shared.txt.")]
    assert [path.read_text() for path in beside] == ["program"]
    assert b"yours is kept" in err
