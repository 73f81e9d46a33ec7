"""Every limit ends the run with 124 and its own cause, and nothing of the guest survives."""

import time
from dataclasses import replace

import pytest

from os2shell.executors.sandbox import Image, Sandbox
from os2shell.executors.sandbox.guest.channel import NUMBER
from os2shell.executors.sandbox.tree import descendants
from tests.sandbox.guests import JOB, LIMITS, Run, Scripted, alive

SECOND_NS = 1_000_000_000
CASES = {
    "limit.wall": ("import os; os.read(os.pipe()[0], 1)", {"wall_ns": SECOND_NS // 4}),
    "limit.cpu": ("while True: pass", {"cpu_ns": SECOND_NS // 4}),
    "limit.memory": ("x = bytearray(1 << 30)", {}),
    "limit.output": ("while True: print('y' * 100)", {"output_bytes": 1000}),
    "limit.workspace_bytes": ("open('f', 'wb').write(bytes(1 << 26))", {}),
    "limit.files": ("for i in range(500): open(f'{i}', 'w').close()", {"files": 100}),
    "limit.processes": ("import os\nwhile True: os.fork()", {"processes": 6}),
}


@pytest.mark.parametrize("cause", CASES)
def test_limit_is_named_and_ends_the_run(ran: Run, cause: str) -> None:
    code, limits = CASES[cause]
    result = ran(code, limits=limits)
    assert (result.exit.code, result.exit.cause) == (124, cause)


def test_output_limit_is_exact(ran: Run) -> None:
    result = ran("print('y' * 5000)", limits={"output_bytes": 1234})
    assert result.out == "y" * 1234


def test_sockets_of_many_processes_count_as_memory(ran: Run) -> None:
    code = (
        "import os, socket, time\nfor _ in range(5):\n    if os.fork() == 0: break\n"
        "kept = [socket.socketpair() for _ in range(450)]\ntime.sleep(0.01)\n"
        "import select; select.select([], [], [], 0)\nos.read(os.pipe()[0], 1)"
    )
    result = ran(code, limits={"wall_ns": 10 * SECOND_NS})
    assert (result.exit.code, result.exit.cause) == (124, "limit.memory")
    one = "import socket\nkept = [socket.socketpair() for _ in range(450)]\nprint(len(kept))"
    assert ran(one).out == "450\n"


def test_memory_limit_shows_the_traceback(ran: Run) -> None:
    assert ran("x = bytearray(1 << 30)").err.endswith("MemoryError\n")


def test_sum_over_many_files_is_limited_too(ran: Run) -> None:
    code = "for i in range(100): open(f'{i}', 'wb').write(bytes(1 << 20))"
    assert ran(code).exit.cause == "limit.workspace_bytes"


def test_daemon_that_keeps_the_pipes_open_does_not_hold_the_run(image: Image) -> None:
    code = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    while True: time.sleep(3600)\n"
        "print('main ends', flush=True)\n"
    )
    io = Scripted()
    begin = time.monotonic()
    with Sandbox.start(image, LIMITS) as started:
        outer = started._process.child.pid
        below = list(descendants(outer))
        assert below
        ended = started.run(replace(JOB, target=code), io)
        assert not [pid for pid in below if alive(pid)]
        assert list(descendants(outer)) == []
    assert (ended.code, io.text("stdout")) == (0, "main ends\n")
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.close(1); os.close(2)",
        "import os; os.close(3)",
        "import threading, time; threading.Thread(target=time.sleep, args=(0.05,)).start()",
        "import os\nfor _ in range(3): os.fork()",
    ],
)
def test_odd_ends_do_not_hang(ran: Run, code: str) -> None:
    begin = time.monotonic()
    ran(code)
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize(
    "message",
    [
        "b'\\xff' * 8",
        "b'\\0\\0\\0\\x05\\0\\0\\0\\x09x'",
        "b'\\0\\0\\0\\x08\\0\\0\\0\\x04what'",
    ],
)
def test_nonsense_on_the_control_socket_kills(ran: Run, message: str) -> None:
    code = f"import os, time; os.write({NUMBER}, {message})\nwhile True: pass"
    result = ran(code)
    assert (result.exit.code, result.exit.cause) == (137, "protocol")


def test_usage_is_measured(ran: Run) -> None:
    usage = ran("x = bytearray(1 << 26); open('f', 'w').write('x' * 5000)").exit.usage
    assert usage.memory_peak_bytes > 1 << 26
    assert usage.workspace_bytes == 8192
    assert usage.files == 2
    assert 0 < usage.wall_ns < 10 * SECOND_NS


def test_a_flood_of_requests_ends_at_the_same_one(
    ran: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer is a step that the shell holds; an end of input may be asked for ever."""
    monkeypatch.setattr("os2shell.executors.sandbox.budget.REQUESTS_MOST", 20)
    code = "import os\nfor n in range(99): print(os.read(0, 1), flush=True)"
    first, second = (ran(code, stdin=b"abc") for _ in range(2))
    assert first.exit.cause == "limit.requests"
    assert first.exit.code == 124
    assert first.exit.usage.requests == 20
    assert first.out == second.out
    assert len(first.out.splitlines()) == 20
