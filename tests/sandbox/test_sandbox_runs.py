"""Programs run as under CPython: entry points, exit codes, tracebacks, input and output."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from os2shell.executors.sandbox import (
    REQUIRED_LAYERS,
    EntryKind,
    Image,
    Sandbox,
    SandboxUnavailable,
)
from tests.sandbox.guests import JOB, LIMITS, Run, Scripted, alive


def test_layers_are_verified_and_reported(ran: Run) -> None:
    result = ran("print(1)")
    assert (result.exit.code, result.exit.cause, result.out) == (0, "exit", "1\n")
    assert set(REQUIRED_LAYERS) <= set(result.exit.layers)


def test_kernel_identity_is_never_root(sandbox: Sandbox) -> None:
    pid = sandbox._process.guest_pid
    assert "\nUid:\t0\t" not in Path(f"/proc/{pid}/status").read_text()


def test_script_sees_its_own_path_and_arguments(ran: Run) -> None:
    code = b"import sys; print(sys.argv, __file__, sys.path[0], __name__)"
    result = ran("a/s.py", files={"a/s.py": code}, entry=EntryKind.SCRIPT, arguments=("x", ""))
    assert result.out == "['a/s.py', 'x', ''] /w/a/s.py /w/a __main__\n"


def test_package_by_module_with_its_own_imports(ran: Run) -> None:
    files = {
        "p/__init__.py": b"",
        "p/__main__.py": b"from p.m import f; import sys; print(f(), sys.argv)",
        "p/m.py": b"def f(): return 42",
    }
    result = ran("p", files=files, entry=EntryKind.MODULE, arguments=("a",))
    assert result.out == "42 ['/w/p/__main__.py', 'a']\n"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import sys; sys.exit(7)", 7),
        ("raise SystemExit('no')", 1),
        ("1/0", 1),
        ("import os; os._exit(139)", 139),
        ("import os; os._exit(-1)", 255),
        ("raise SystemExit(2**70)", 255),
        ("class I(int):\n    def __and__(self, other): return 'x'\nraise SystemExit(I(5))", 5),
        ("class S(SystemExit):\n    code = property(lambda self: 1 / 0)\nraise S", 1),
        ("exit()", 0),
        ("import atexit; atexit.register(lambda: print('bye'))", 0),
    ],
)
def test_exit_codes_are_those_of_cpython(ran: Run, code: str, expected: int) -> None:
    result = ran(code)
    assert (result.exit.code, result.exit.cause) == (expected, "exit")


def test_a_message_that_cannot_be_shown_ends_as_in_cpython(ran: Run) -> None:
    result = ran("class C:\n    def __str__(self): return 1 / 0\nraise SystemExit(C())")
    assert (result.exit.code, result.err) == (1, "\n")


def test_a_long_chain_of_causes_shows_nothing_of_this_runtime(ran: Run) -> None:
    code = "error = None\nfor n in range(3000):\n    made = ValueError(n)\n    made.__cause__ = error\n    error = made\nraise error"
    result = ran(code)
    assert result.exit.code == 1
    assert "ValueError(2999)" in result.err or "ValueError: 2999" in result.err
    assert "os2guest" not in result.err


@pytest.mark.parametrize(
    "code",
    [
        "for n in range(3, 1024):\n    try: os.close(n)\n    except OSError: pass",
        "os.closerange(3, 1024)",
        "os.closerange(3, os.sysconf('SC_OPEN_MAX'))",
        "os.dup2(1, 3)",
    ],
)
def test_a_program_may_close_every_descriptor_as_daemons_do(ran: Run, code: str) -> None:
    result = ran(f"import os\n{code}\nprint(input())\nimport json", stdin=b"kept\n")
    assert (result.exit.code, result.exit.cause) == (0, "exit")
    assert (result.out, result.err) == ("kept\n", "")
    assert "json" in result.exit.imports.allowed.names


def test_a_recorder_closed_below_python_is_spoken_to_no_more(ran: Run) -> None:
    code = (
        "import ctypes, os, socket, sys\nfor n in range(900, 1024): ctypes.CDLL(None).close(n)\n"
        "mine, other = socket.socketpair()\nfor n in range(900, 1023): os.dup2(mine.fileno(), n)\n"
        "other.setblocking(False)\nprint(repr(sys.stdin.read()))\n"
        "try: print(other.recv(99))\nexcept BlockingIOError: print('nothing')\nsys.exit(3)"
    )
    result = ran(code)
    assert (result.out, result.exit.code, result.exit.cause) == ("''\nnothing\n", 3, "exit")


def test_signal_is_named(ran: Run) -> None:
    result = ran("import os; os.kill(os.getpid(), 11)")
    assert (result.exit.code, result.exit.cause) == (139, "signal:SIGSEGV")


def test_missing_script_is_told_as_cpython_does(ran: Run) -> None:
    result = ran("no.py", entry=EntryKind.SCRIPT)
    assert result.exit.code == 2
    assert "can't open file '/w/no.py': [Errno 2]" in result.err


def test_traceback_equals_cpythons_own(ran: Run, tmp_path: Path) -> None:
    code = "import time\ndef f():\n    time.sleep(-1)\ntry:\n    f()\nexcept ValueError as e:\n    raise KeyError('k') from e\n"
    result = ran("s.py", files={"s.py": code.encode()}, entry=EntryKind.SCRIPT)
    script = tmp_path / "s.py"
    script.write_text(code)
    bare = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    assert result.err == bare.stderr.replace(str(script), "/w/s.py")


def test_input_arrives_in_every_way_of_reading(ran: Run) -> None:
    code = "import sys,os; print(input(), sys.stdin.readline(), sys.stdin.read(), os.read(0, 9))"
    assert ran(code, stdin=b"one\ntwo\nrest").out == "one two\n rest b''\n"


def test_output_without_newline_streams_while_the_program_runs(image: Image) -> None:
    class Io(Scripted):
        def answer(self, request: bytes) -> bytes:
            deadline = time.monotonic() + 5
            assert time.monotonic() < deadline
            self.seen = self.text("stdout")
            return b""

    io = Io()
    with Sandbox.start(image, LIMITS) as started:
        started.run(replace(JOB, target="print('>', end=''); import time; input()"), io)
    assert io.seen == ">"


def test_unclosed_file_is_flushed_at_exit(ran: Run) -> None:
    assert ran("f = open('a', 'w'); f.write('kept')").left == {"a": b"kept"}


def test_nothing_of_the_host_is_visible(ran: Run) -> None:
    out = ran("import os; print(os.listdir('/'), os.listdir('/proc/self/fd'))").out
    assert out == (
        "['dev', 'env', 'etc', 'lib', 'lib64', 'os2', 'proc', 'py', 'tmp', 'tools', 'usr', 'w'] "
        "['0', '1', '1000', '2', '3']\n"
    )


@pytest.mark.parametrize("path", ["/x", "/py/x", "/os2/os2guest/boot.py", "/dev/x", "/etc/passwd"])
def test_image_is_read_only(ran: Run, path: str) -> None:
    result = ran(f"open({path!r}, 'w')")
    assert result.exit.code == 1
    assert "Read-only" in result.err or "denied" in result.err


def test_no_network(ran: Run) -> None:
    code = "import socket; socket.create_connection(('1.1.1.1', 53), 2)"
    assert "unreachable" in ran(code).err


def test_limits_cannot_be_raised(ran: Run) -> None:
    code = "import resource as r; r.setrlimit(r.RLIMIT_AS, (1 << 40, 1 << 40))"
    assert ran(code).exit.code == 1


def test_image_that_cannot_be_reached_is_refused_with_a_remedy(image: Image) -> None:
    gone = Image(image.digest, Path("/nowhere/at/all"), image.interpreter, image.executable)
    with pytest.raises(SandboxUnavailable, match="nowhere"):
        Sandbox.start(gone, LIMITS)


@pytest.mark.slow
def test_interrupt_lets_finally_blocks_run(image: Image) -> None:
    code = "try:\n    for i in range(1 << 60): str(i)\nfinally:\n    print('cleaned')\n"
    io = Scripted()
    with Sandbox.start(image, LIMITS) as started:
        timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        ended = started.run(replace(JOB, target=code), io)
        timer.join()
    assert (ended.code, ended.cause, io.text("stdout")) == (130, "interrupted", "cleaned\n")


@pytest.mark.slow
def test_stubborn_guest_is_killed_after_the_grace(image: Image) -> None:
    code = "import signal; signal.signal(2, signal.SIG_IGN)\nwhile True: pass"
    with Sandbox.start(image, LIMITS) as started:
        timer = threading.Timer(0.3, started.interrupt)
        timer.start()
        begin = time.monotonic()
        ended = started.run(replace(JOB, target=code), Scripted())
        timer.join()
    assert (ended.code, ended.cause) == (130, "interrupted")
    assert 1.5 < time.monotonic() - begin < 4


def test_killed_shell_takes_its_guest_along(image: Image) -> None:
    program = (
        "import sys, os, time; sys.path.insert(0, sys.argv[1]); "
        "from pathlib import Path; from os2shell.executors.sandbox import *; "
        "s = Sandbox.start(Image('', Path(sys.argv[2]), '', sys.argv[3]), "
        "Limits(10**10, 10**10, 1 << 29, 1 << 20, 1 << 20, 100, 9)); "
        "print(s._process.guest_pid, flush=True); time.sleep(60)"
    )
    root = str(Path(__file__).parents[2])
    words = [sys.executable, "-c", program, root, str(image.root), image.executable]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        guest = int(shell.stdout.readline())
        assert alive(guest)
        shell.kill()
    deadline = time.monotonic() + 5
    while alive(guest) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(guest)
