"""What is not installed: named, on record, and the environment stays as it was."""

import base64
import os
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import pytest

from os2shell.commands.pip import parse
from os2shell.model.errors import UsageError
from tests.environments.index_room import Index, Shell, wheel
from tests.house import Os2


@pytest.mark.parametrize(
    "words",
    [
        ["install", "--target", "x", "six"],
        ["install", "--target=x", "six"],
        ["install", "-e", "."],
        ["install", "--no-binary=:all:", "six"],
        ["install", "--proxy", "http://p", "six"],
        ["install", "--trusted-host", "h", "six"],
        ["install", "https://ann:secret@host/a.whl"],
        ["install", "--index-url=https://ann:secret@host/simple", "a"],
        ["install", "a @ https://ann:secret@host/a.whl"],
        ["install", "git+https://host/a"],
        ["install", "a @ git+https://host/a"],
        ["wheel", "."],
        ["download", "six"],
        ["uninstall"],
        ["uninstall", "-r", "x"],
        ["-v", "list"],
    ],
)
def test_words_that_cannot_hold_here_are_usage_errors(words: list[str]) -> None:
    with pytest.raises(UsageError):
        parse(words)


def test_credentials_never_reach_the_ledger(os2: Os2) -> None:
    os2.run("pip", "list")
    told = os2.run("pip", "install", "https://ann:s3cr3t-s3cr3t@host/a.whl", code=2)
    assert "credential" in told.errors
    for path in (os2.workspace / ".os2").rglob("*"):
        assert not path.is_file() or b"s3cr3t-s3cr3t" not in path.read_bytes()


def test_without_the_power_nothing_is_asked(os2: Os2, index: Index) -> None:
    told = os2.run("pip", "install", "--index-url", index.url, "alpha", code=126)
    assert "--manifest packages" in told.errors
    assert "GET" not in index.asked
    assert os2.records("--kind", "command.failed")
    strict = os2.run("--manifest", "strict", "pip", "list", code=126)
    assert "process.spawn" in strict.errors


def test_an_environment_is_a_scope_of_the_power(shell: Shell) -> None:
    path = Path(shell.os2.env["OS2_MANIFEST"])
    path.write_text(path.read_text().replace('"pip.install" = ["*"]', '"pip.install" = ["lab-*"]'))
    told = shell.install("beta", code=126)
    assert "pip.install for lab-*, not for default" in told.errors
    shell.os2.run("create-env", "lab-1")
    shell.os2.run("use-env", "lab-1")
    shell.install("beta")
    assert shell.listed() == ["beta==1.0"]


def test_a_host_that_is_not_granted_is_named(shell: Shell) -> None:
    told = shell.os2.run(
        "pip", "install", "--index-url", "http://127.0.0.1:9/simple", "alpha", code=1
    )
    assert "net.connect" in told.errors
    assert shell.environments() == {}
    assert "net_exchange_denied" in dict(shell.events())
    assert shell.verdicts() == [("pip", "identical")]


def test_a_wheel_that_is_not_the_one_of_the_index_is_refused(shell: Shell, index: Index) -> None:
    shell.install("beta")
    before = shell.environments()
    bad = wheel(index.folder / "files", "gamma", "1.0", {"gamma.py": ""})
    index.offer(bad, digest="0" * 64)
    told = shell.install("gamma", code=1)
    assert "DO NOT MATCH THE HASHES" in told.errors
    assert shell.environments() == before


def test_a_source_distribution_is_not_built(shell: Shell, index: Index) -> None:
    archive = index.folder / "files" / "delta-1.0.tar.gz"
    archive.write_bytes(b"no archive at all")
    index.offer(archive)
    told = shell.install("delta", code=1)
    assert "No matching distribution found for delta" in told.errors
    shell.os2.write("pyproject.toml", '[build-system]\nrequires = []\nbuild-backend = "x"\n')
    told = shell.install(".", code=1)
    assert "nothing is built here" in told.errors
    assert "Traceback" not in told.errors
    assert shell.environments() == {}


HOSTILE = {
    "hostile.py": "X = 'source'\n",
    "hostile.pth": "import os; os.environ['OWNED'] = '1'\n",
    "sitecustomize.py": "import os; os.environ['OWNED'] = '1'\n",
    "usercustomize.py": "import os; os.environ['OWNED'] = '1'\n",
    ".os2ignore": "hostile.py\n",
    ".env": "SECRET=1\n",
    "__pycache__/hostile.cpython-311.pyc": base64.b64decode("AAAA"),
    "lonely.pyc": b"\0" * 32,
}


def test_nothing_of_a_wheel_runs_by_being_there(shell: Shell, index: Index) -> None:
    index.wheel("hostile", "1.0", HOSTILE)
    shell.install("hostile")
    code = "import os, hostile; print(hostile.X, os.environ.get('OWNED'), sorted(os.listdir('/env/lib')))"
    told = shell.python(code)
    assert told.startswith("source None")
    assert "'.os2ignore'" in told
    assert "'.env'" in told
    assert "lonely.pyc" not in told
    assert shell.verdicts() == [("pip", "identical"), ("python", "identical")]


def test_a_wheel_cannot_write_elsewhere(shell: Shell, index: Index) -> None:
    path = wheel(index.folder / "files", "climber", "1.0", {"climber.py": ""})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../../climbed.py", "X = 1")
        archive.writestr("/tmp/climbed.py", "X = 1")
    index.offer(path)
    told = shell.install("climber", code=1)
    assert "outside the target directory" in told.errors
    assert shell.environments() == {}
    assert [path.name for path in shell.os2.workspace.iterdir()] == [".os2"]


def _started(shell: Shell) -> "subprocess.Popen[bytes]":
    """An installation that waits for an index that has stopped answering."""
    shell.index.process.send_signal(signal.SIGSTOP)
    process = shell.os2.start("pip", "install", "--index-url", shell.index.url, "alpha")
    spool = shell.os2.workspace / ".os2" / "spool"
    for _ in range(600):
        if any(b"net.exchange" in path.read_bytes() for path in spool.glob("*") if path.is_file()):
            return process
        time.sleep(0.05)
    raise AssertionError("no exchange was asked for")


def _go_on(index: Index) -> None:
    index.process.send_signal(signal.SIGCONT)


def test_ctrl_c_leaves_the_environment_as_it_was(shell: Shell, index: Index) -> None:
    shell.install("beta")
    before = shell.environments()
    process = _started(shell)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    _go_on(index)
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert shell.environments() == before
    assert shell.listed() == ["beta==1.0"]


def test_a_killed_shell_leaves_the_environment_as_it_was(shell: Shell, index: Index) -> None:
    process = _started(shell)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    _go_on(index)
    told = shell.os2.run("pip", "list").errors
    assert "interrupted when its shell died" in told
    assert shell.environments() == {}
    shell.install("alpha")
    assert shell.listed() == ["alpha==1.0", "beta==1.0"]


def test_a_lost_wheel_is_found(shell: Shell, index: Index) -> None:
    """An answer of the index that is an object; a replay has nobody else to ask for it."""
    index.wheel("gamma", "1.0", {"gamma.py": "".join(f"X{number} = 1\n" for number in range(200))})
    shell.install("gamma")
    ((_, _, _, content),) = dict(shell.events())["pip_artifact_fetched"]["rows"]
    (shell.os2.workspace / f".os2/ledger/objects/{content[:2]}/{content[2:]}").unlink()
    shell.os2.run("ledger", "verify", code=1)
    assert shell.verdicts(code=1) == [("pip", "tampered")]
