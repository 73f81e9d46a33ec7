"""Guests that misbehave at their end: named, bounded, never hanging; workspace and ledger stay whole.

Each runs in the real shell. Afterwards the ledger verifies, and the next run works.
"""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from os2shell.executors.sandbox.guest.channel import NUMBER
from tests.house import DEFAULT_MANIFEST, Os2

SMALL = {
    "wall_seconds = 300": "wall_seconds = 20",
    "cpu_seconds = 300": "cpu_seconds = 5",
    "memory_mib = 2048": "memory_mib = 512",
    "output_mib = 512": "output_mib = 4",
    "workspace_mib = 2048": "workspace_mib = 64",
    "files = 200000": "files = 3000",
}
LONGEST_SECONDS = 40
"""Of a run with the shell around it, on a machine that is busy with others."""


@pytest.fixture
def bad(os2: Os2) -> Iterator["Bad"]:
    text = DEFAULT_MANIFEST.read_text()
    for old, new in SMALL.items():
        assert old in text
        text = text.replace(old, new)
    manifest = os2.home / "small.toml"
    manifest.write_text(text)
    yield Bad(os2, manifest)
    lines = b"ledger verify --json\npython -c 'print(7)'\n"
    answer, seven = os2.run("--manifest", str(manifest), stdin=lines).out.rsplit(b"}", 1)
    assert json.loads(answer + b"}")["status"] == "ok"
    assert seven == b"\n7\n"


class Bad:
    """Runs a bad guest, and tells what the ledger says of it."""

    def __init__(self, os2: Os2, manifest: Path) -> None:
        self.os2 = os2
        self._manifest = manifest

    def limit(self, old: str, new: str) -> None:
        text = self._manifest.read_text()
        assert old in text
        self._manifest.write_text(text.replace(old, new))

    def run(self, code: str) -> dict[str, Any]:
        self.os2.write("bad.py", code)
        begin = time.monotonic()
        ran = self.os2.run("--manifest", str(self._manifest), "python", "bad.py", code=None)
        assert time.monotonic() - begin < LONGEST_SECONDS
        assert b"Traceback" not in ran.err or b"/w/bad.py" in ran.err, ran
        last = self.os2.records()[-1]
        assert last["kind"] in {"command.finished", "command.failed"}
        return {"code": ran.code, "out": ran.out, "err": ran.errors, "record": last}


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.close(1)",
        "import os; os.close(1); os.close(2); os.close(0)",
        "import sys; sys.stdout.close(); sys.stderr.close()",
        "import sys; sys.stdout = None; print('lost')",
        "import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 1); print('x')",
        "import os; os.closerange(0, 64)",
    ],
)
def test_closed_streams(bad: Bad, code: str) -> None:
    result = bad.run(code + "\nopen('beside', 'w').write('kept')")
    assert result["out"] == b""
    if result["code"] == 0:
        assert (bad.os2.workspace / "beside").read_text() == "kept"


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL", "SIGTERM", "SIGBUS", "SIGPIPE"])
def test_death_by_signal_is_named(bad: Bad, name: str) -> None:
    code = (
        "import os, signal\nopen('before', 'w').write('kept')\nprint('said', flush=True)\n"
        f"signal.signal(signal.{name}, signal.SIG_DFL) if {name!r} != 'SIGKILL' else 0\n"
        f"os.kill(os.getpid(), signal.{name})"
    )
    result = bad.run(code)
    assert result["out"] == b"said\n"
    assert result["code"] > 128
    assert name in str(result["record"])
    assert (bad.os2.workspace / "before").read_text() == "kept"


@pytest.mark.parametrize(
    "code",
    [
        "import threading, time\nfor _ in range(5): threading.Thread(target=lambda: [time.sleep(0.01) for _ in range(1 << 40)], daemon=True).start()\nprint('end')",
        "import os, threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\nprint('end', flush=True)\nos._exit(0)",
        "import sys, threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\nprint('end')\nsys.exit(0)",
    ],
)
def test_exit_while_threads_run(bad: Bad, code: str) -> None:
    result = bad.run(code)
    assert (result["code"], result["out"]) == (0, b"end\n"), result


def test_threads_that_never_let_go_are_ended_by_a_limit(bad: Bad) -> None:
    bad.limit("cpu_seconds = 5", "cpu_seconds = 1")
    code = (
        "import threading\ndef spin():\n    while True: pass\n"
        "for _ in range(3): threading.Thread(target=spin, daemon=True).start()\nprint('end')\n"
    )
    result = bad.run(code)
    assert result["code"] in {0, 124}
    assert result["code"] == 0 or "limit.cpu" in str(result["record"])


def test_orphans_are_gone_with_their_parent(bad: Bad) -> None:
    code = (
        "import os, signal\n"
        "for _ in range(5):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        while True: signal.pause()\n"
        "print('end')\n"
    )
    result = bad.run(code)
    assert (result["code"], result["out"]) == (0, b"end\n")


def test_orphans_that_write_on(bad: Bad) -> None:
    code = "import os\nif os.fork() == 0:\n    while True: os.write(1, b'y')\nprint('end')\n"
    result = bad.run(code)
    assert result["code"] in {0, 124}
    assert len(result["out"]) <= 4 << 20


def test_flood_of_output_ends_at_the_limit(bad: Bad) -> None:
    code = (
        "import os\nblock = bytes(1 << 20)\nfor _ in range(4096):\n    n = 0\n"
        "    while n < len(block): n += os.write(1, block[n:])\n"
    )
    result = bad.run(code)
    assert result["code"] == 124
    assert "limit.output" in str(result["record"])
    assert len(result["out"]) <= 4 << 20


def test_flood_of_errors_without_a_newline(bad: Bad) -> None:
    result = bad.run("import sys\nwhile True: sys.stderr.write('y' * 100000)")
    assert result["code"] == 124
    assert "limit.output" in str(result["record"])


def test_million_files(bad: Bad) -> None:
    result = bad.run("import os\nfor n in range(1_000_000): os.close(os.open(f'{n}', os.O_CREAT))")
    assert result["code"] == 124
    assert "limit.files" in str(result["record"])
    assert "the workspace was not changed" in result["err"]
    assert {path.name for path in bad.os2.workspace.iterdir()} == {".os2", "bad.py"}


@pytest.mark.slow
def test_a_million_files_in_folders_under_the_default_manifest(os2: Os2) -> None:
    """There a run may leave as many as a workspace may hold, so it is ended a little above that."""
    os2.write(
        "many.py",
        "import os\nfor n in range(1_000_000):\n    if n % 1000 == 0: os.mkdir(f'{n}')\n"
        "    os.close(os.open(f'{n - n % 1000}/{n}', os.O_CREAT))",
    )
    ran = os2.run("python", "many.py", code=124)
    assert "limit.files" in ran.errors
    assert "the workspace was not changed" in ran.errors
    assert os2.records()[-1]["attributes"]["cause"] == "limit.files"
    assert {path.name for path in os2.workspace.iterdir()} == {".os2", "many.py"}
    assert os2.json("python-verify", "--json")["counts"]["total"] == 1


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("pipe", "import os; os.mkfifo('pipe')"),
        ("plug", "import socket; socket.socket(socket.AF_UNIX).bind('plug')"),
        ("device", "import os, stat\ntry: os.mknod('device', stat.S_IFCHR | 0o666, os.makedev(1, 3))\nexcept OSError: os.mkfifo('device')"),
    ],
)  # fmt: skip
def test_what_is_no_file_is_named_and_left_out(bad: Bad, name: str, code: str) -> None:
    result = bad.run(f"{code}\nopen('beside', 'w').write('kept')")
    assert result["code"] == 0
    assert name in result["err"]
    assert not (bad.os2.workspace / name).exists()
    assert (bad.os2.workspace / "beside").read_text() == "kept"


def test_sparse_file_of_a_terabyte(bad: Bad) -> None:
    result = bad.run("import os\nos.truncate(os.open('huge', os.O_CREAT | os.O_WRONLY), 1 << 40)")
    assert result["code"] == 124
    assert "limit.workspace_bytes" in str(result["record"])
    assert (bad.os2.workspace / "huge").stat().st_size == 0


def test_sparse_files_that_sum_up(bad: Bad) -> None:
    code = (
        "import os\nfor n in range(200):\n"
        "    os.truncate(os.open(f's{n}', os.O_CREAT | os.O_WRONLY), 60 << 20)\n"
    )
    result = bad.run(code)
    assert (result["code"], result["record"]["kind"]) == (125, "command.failed")
    assert "the workspace passes the limit" in result["err"]
    assert {path.name for path in bad.os2.workspace.iterdir()} == {".os2", "bad.py"}


@pytest.mark.parametrize("name", [b"\xff\xfe", b"new\nline", b"-rf", b"\x1b[31m", b"CON", b" "])
def test_odd_names_come_back_as_they_were(bad: Bad, name: bytes) -> None:
    result = bad.run(f"open({name!r}, 'w').write('kept')")
    assert result["code"] == 0, result
    assert b"\x1b" not in result["err"].encode()
    path = bad.os2.workspace / os.fsdecode(name)
    if path.exists():
        assert path.read_text() == "kept"
    else:
        assert "not kept" in result["err"]


@pytest.mark.parametrize("target", ["nowhere", "/", "/etc/passwd", "..", "loop", "x" * 4000])
def test_links_to_nowhere_and_everywhere(bad: Bad, target: str) -> None:
    result = bad.run(
        f"import os; os.symlink({target!r}, 'loop'); open('beside', 'w').write('kept')"
    )
    assert result["code"] == 0, result
    link = bad.os2.workspace / "loop"
    assert not link.is_symlink() or str(link.readlink()) == target
    assert (bad.os2.workspace / "beside").read_text() == "kept"
    assert bad.run("print('again')")["out"] == b"again\n"


def test_path_deeper_than_any_workspace_has(bad: Bad) -> None:
    code = (
        "import os\nopen('n' * 255, 'w').write('long')\n"
        "for _ in range(4000):\n    os.mkdir('d')\n    os.chdir('d')\n"
        "open('deep', 'w').write('deep')\n"
    )
    result = bad.run(code)
    assert (result["code"], result["record"]["kind"]) == (125, "command.failed")
    assert "nested deeper than" in result["err"]
    assert {path.name for path in bad.os2.workspace.iterdir()} == {".os2", "bad.py"}


def test_workspace_that_is_too_deep_is_refused_with_a_remedy(os2: Os2) -> None:
    with contextlib.chdir(os2.workspace):  # no path is long enough to name the deepest
        for _ in range(4000):
            Path("d").mkdir()
            os.chdir("d")
    try:
        ran = os2.run("python", "-c", "print(1)", code=None)
        assert (ran.code, ran.out) == (125, b"")
        assert ".os2ignore" in ran.errors
        os2.write(".os2ignore", "/d/\n")
        assert os2.run("python", "-c", "print(1)").out == b"1\n"
    finally:
        subprocess.run(["rm", "-rf", str(os2.workspace / "d")], check=True)  # too deep for shutil
    assert os2.json("ledger", "verify", "--json")["status"] == "ok"


def test_longest_name_in_folders_as_deep_as_allowed(bad: Bad) -> None:
    code = (
        "import os\nopen('n' * 255, 'w').write('long')\n"
        "for _ in range(100):\n    os.mkdir('d' * 40)\n    os.chdir('d' * 40)\n"
        "open('deep', 'w').write('deep')\n"
    )
    assert bad.run(code)["code"] == 0
    assert (bad.os2.workspace / ("n" * 255)).read_text() == "long"
    again = bad.run(
        "import os\nfor _ in range(100): os.chdir('d' * 40)\nprint(open('deep').read())"
    )
    assert again["out"] == b"deep\n"


def test_locked_workspace_is_unlocked_again(bad: Bad) -> None:
    code = (
        "import os\nos.makedirs('a/b')\nopen('a/b/f', 'w').write('kept')\n"
        "os.chmod('a/b/f', 0)\nos.chmod('a/b', 0)\nos.chmod('a', 0)\nos.chmod('.', 0)\n"
    )
    assert bad.run(code)["code"] == 0
    assert os.access(bad.os2.workspace, os.W_OK)
    assert bad.run("print(len(__import__('os').listdir('.')) > 1)")["out"] == b"True\n"


def test_files_changed_until_the_very_end(bad: Bad) -> None:
    code = (
        "import os\nopen('a', 'w').write('a')\n"
        "if os.fork() == 0:\n    while True:\n"
        "        os.rename('a', 'b')\n        os.rename('b', 'a')\n"
    )
    assert bad.run(code)["code"] == 0
    names = {path.name for path in bad.os2.workspace.iterdir()} & {"a", "b"}
    assert len(names) == 1


@pytest.mark.parametrize("message", [r"\xff" * 8, r"\0\0\0\x0b\0\0\0\x03ask\0\0\0\0"])
def test_nonsense_for_the_recorder(bad: Bad, message: str) -> None:
    code = (
        f"import os\nprint('said', flush=True)\nos.write({NUMBER}, b'{message}')\nwhile True: pass"
    )
    result = bad.run(code)
    assert result["code"] != 0
    assert result["out"] == b"said\n"


def test_guest_that_asks_for_what_nobody_answers(bad: Bad) -> None:
    code = (
        "import os, struct\n"
        "body = b''.join(struct.pack('>I', len(f)) + f for f in (b'ask', b'files.read /etc/passwd'))\n"
        f"os.write({NUMBER}, struct.pack('>I', len(body)) + body)\nprint(os.read({NUMBER}, 100))\n"
    )
    result = bad.run(code)
    assert result["code"] != 0
    assert result["out"] == b""
