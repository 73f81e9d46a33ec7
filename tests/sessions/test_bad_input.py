"""Bad input gets one clear line, the documented exit code, and loses nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from os2shell.executors.sandbox.cgroup import places
from tests.house import DEFAULT_MANIFEST, IMAGES, Os2, strict

SAME_IMAGES = {"OS2_IMAGES": str(IMAGES)}
"""Where the others' images lie, for shells that take themselves for another user."""


def one_line(ran_errors: str) -> str:
    """The one message; a first use may say that it made a ledger or an image."""
    lines = [
        line for line in ran_errors.splitlines() if "new ledger" not in line and "image" not in line
    ]
    assert len(lines) == 1, ran_errors
    return lines[0]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["python", "absent.py"], 2, "does not exist"),
        (["python", "folder"], 2, "is a folder"),
        (["python", "../outside.py"], 2, "outside the workspace"),
        (["python", "--frobnicate", "x.py"], 2, "unknown option --frobnicate"),
        (["python"], 2, "no program given"),
        (["python", "-c"], 2, "-c needs a value"),
        (["python", "--seed", "x", "-c", "1"], 2, "whole number"),
        (["python", "--clock", "yesterday", "-c", "1"], 2, "ISO 8601"),
        (["pythn", "x.py"], 127, "unknown command"),
        (["ledger", "frob"], 2, "expected"),
        (["ledger", "show", "x"], 2, "whole number"),
        (["replay"], 2, "expected"),
        (["export", "s1"], 2, "expected"),
        (["run-script", "absent"], 2, "no file absent"),
        (["--frob", "python"], 2, "unknown option --frob"),
        (["--manifest", "absent", "python", "-c", "1"], 2, "no manifest at"),
        (["help", "frob"], 127, "unknown command"),
        (["python-verify", "--limit", "0"], 2, "from 1 to"),
        (["python-verify", "--against", "moon"], 2, "expected workspace"),
    ],
)
def test_wrong_words(os2: Os2, words: list[str], code: int, told: str) -> None:
    (os2.workspace / "folder").mkdir()
    ran = os2.run(*words, code=code)
    assert told in one_line(ran.errors)
    assert ran.out == b""


def test_unreadable_file_names_it(os2: Os2) -> None:
    if os.getuid() == 0:
        pytest.skip("root reads everything")
    os2.write("locked.txt", "x").chmod(0)
    assert "locked.txt" in one_line(os2.run("python", "-c", "1", code=125).errors)


def test_denied_command_is_recorded(os2: Os2) -> None:
    manifest = strict(os2)
    ran = os2.run("--manifest", manifest, "python", "-c", "1", code=126)
    assert "process.spawn" in ran.errors
    failed = os2.records("--kind", "command.failed")[-1]["attributes"]
    assert (failed["cause"], failed["rule"]) == ("denied", "process.spawn:python")
    assert os2.run("--manifest", manifest, "pyvm", "--eval", "2*2").text == "4\n"


def test_denied_at_admission_is_recorded(os2: Os2) -> None:
    text = DEFAULT_MANIFEST.read_text().replace('"process.spawn"', '"terminal.read"', 1)
    lines = text.splitlines()
    lines.remove('"terminal.read" = ["*"]')
    os2.write("../few.toml", "\n".join(lines))
    os2.run("--manifest", "../few.toml", "python", "-c", "1", code=126)
    denied = os2.records("--kind", "command.denied")[-1]["attributes"]
    assert denied["rule"] == "process.spawn"
    assert denied["next"]


def test_a_denied_look_is_recorded(os2: Os2) -> None:
    lines = DEFAULT_MANIFEST.read_text().splitlines()
    lines.remove('"ledger.read" = ["*"]')
    os2.write("../blind.toml", "\n".join(lines))
    os2.run("--manifest", "../blind.toml", "ledger", "log", code=126)
    assert not (os2.workspace / ".os2").exists(), "a denial begins no ledger"
    os2.run("pyvm", "--eval", "1")
    os2.run("--manifest", "../blind.toml", "ledger", "log", code=126)
    denied = os2.records("--kind", "command.denied")[-1]["attributes"]
    assert (denied["command"], denied["rule"]) == ("ledger", "ledger.read")


def test_strict_does_not_write_the_workspace(os2: Os2) -> None:
    os2.write("w.py", "x = 1\n")
    if places():
        os2.run("--manifest", "strict", "pyvm", "w.py", code=0)
    else:  # strict requires a control group, which this user cannot make
        told = os2.run("--manifest", "strict", "pyvm", "w.py", code=None)
        assert told.code != 0
        assert b"systemd-run --user --scope" in told.err


def test_missing_object_is_named(os2: Os2) -> None:
    os2.write("a.py", "print(1)")
    os2.run("python", "a.py")
    shutil.rmtree(os2.workspace / ".os2" / "ledger" / "objects")
    rows = os2.json("python-verify", "--json", code=1)["sessions"]
    assert rows[0]["verdict"] == "tampered"
    assert "object" in rows[0]["divergence"]["got"] or "object" in rows[0]["divergence"]["what"]


def test_wrong_key_is_refused(os2: Os2) -> None:
    os2.run("python", "-c", "1")
    keys = next(Path(os2.home).rglob("keys"))
    for key in keys.iterdir():
        key.unlink()
    ran = os2.run("python", "-c", "1", code=125)
    assert "key of this ledger" in one_line(ran.errors)
    assert os2.json("ledger", "verify", "--json")["trusted"] is False


def hidden_bubblewrap(os2: Os2, *words: str) -> "subprocess.CompletedProcess[bytes]":
    """Run os2 where bwrap is no program: a private mount namespace lays /dev/null over it."""
    bwrap = shutil.which("bwrap")
    assert bwrap
    script = f'mount --bind /dev/null {bwrap} && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    return subprocess.run(
        [*command, sys.executable, "-m", "os2shell", *words],
        cwd=os2.workspace,
        env={**os2.environment(), **SAME_IMAGES},
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_no_bubblewrap_is_said_with_its_remedy(os2: Os2) -> None:
    ran = hidden_bubblewrap(os2, "python", "-c", "1")
    assert ran.returncode == 125
    assert "apt install bubblewrap" in one_line(ran.stderr.decode())
    told = hidden_bubblewrap(os2, "doctor")
    assert told.returncode == 1
    assert b"LACK" in told.stdout


def test_forbidden_user_namespaces_are_said_with_their_remedy(os2: Os2) -> None:
    """A user namespace whose children may make none: the shell inside finds them forbidden."""
    script = 'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --inh-caps=-all --ambient-caps=-all "$@"'
    mapped = ["--map-user=1000", "--map-group=1000", "--keep-caps"]
    command = ["unshare", "--user", *mapped, "sh", "-c", script, "sh"]
    ran = subprocess.run(
        [*command, sys.executable, "-m", "os2shell", "python", "-c", "1"],
        cwd=os2.workspace,
        env={**os2.environment(), **SAME_IMAGES},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 125
    assert "max_user_namespaces" in one_line(ran.stderr.decode())


def test_read_only_workspace(os2: Os2) -> None:
    if os.getuid() == 0:
        pytest.skip("root writes everywhere")
    os2.workspace.chmod(0o555)
    ran = os2.run("python", "-c", "1", code=125)
    assert one_line(ran.errors)
    os2.workspace.chmod(0o755)


def test_script_of_commands_stops_at_the_first_failure(os2: Os2) -> None:
    os2.write(
        "job", "pyvm --eval 1\npython -c 'import sys; sys.exit(4)'  # comment\npyvm --eval 2\n"
    )
    ran = os2.run("run-script", "job", code=4)
    assert ran.text == "1\n"
    ran = os2.run("run-script", "job", "--keep-going", code=4)
    assert ran.text == "1\n2\n"
    os2.write("bad", "python 'unclosed\n")
    assert "bad:1" in one_line(os2.run("run-script", "bad", code=2).errors)


@pytest.mark.slow
def test_two_hundred_megabytes_of_output(os2: Os2) -> None:
    code = (
        "import sys\nchunk = b'x' * 1_000_000\nfor _ in range(200): sys.stdout.buffer.write(chunk)"
    )
    ran = os2.run("python", "-c", code)
    assert len(ran.out) == 200_000_000
    assert os2.json("python-verify", "--json")["status"] == "ok"


@pytest.mark.slow
def test_workspace_of_fifty_thousand_files(os2: Os2) -> None:
    for folder in range(50):
        path = os2.workspace / f"d{folder:02}"
        path.mkdir()
        for number in range(1000):
            with open(f"{path}/f{number}", "wb", buffering=0) as file:  # noqa: PTH123 - thrice as quick
                file.write(b"%d %d" % (folder, number))
    code = "import os; print(sum(len(files) for _, _, files in os.walk('.')))"
    assert os2.run("python", "-c", code).text == "50000\n"
