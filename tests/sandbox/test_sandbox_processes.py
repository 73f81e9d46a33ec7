"""Processes of one run under the relay: one runs, none is lost, deadlocks by name, one clock.

Programs that must repeat byte for byte lie in tests/probes/nondeterminism (``process_*.py``).
"""

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from os2shell.executors.sandbox import Image, Sandbox
from tests.sandbox.guests import JOB, LIMITS, Run, Scripted, children_of

RACE = """
import os, time
open('total', 'w').write('0')
for _ in range(3):
    if os.fork() == 0:
        for _ in range(40):
            seen = int(open('total').read())
            for _ in range(9): time.monotonic()
            open('total', 'w').write(str(seen + 1))
        os._exit(0)
for _ in range(3): os.wait()
print(open('total').read())
"""
CROSSED = """
import os, sys
print('before')
a, b = os.pipe(), os.pipe()
if os.fork() == 0:
    os.read(b[0], 1)
    os._exit(0)
os.read(a[0], 1)
"""
ALONE = """
import os, subprocess, sys
code = "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()"
done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
print(done.returncode, done.stderr)
"""
CLOSES_ALL = """
import os, subprocess, sys
if os.fork() == 0:
    os.closerange(3, 4096)
    for number in range(3, 1024):
        try: os.close(number)
        except OSError: pass
    print(subprocess.check_output([sys.executable, "-c", "print('grandchild')"]), flush=True)
    os._exit(4)
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
ASYNCIO = """
import asyncio, sys
CODE = "import sys, time; time.sleep(int(sys.argv[1])); print(sys.stdin.read().upper())"
async def one(n):
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", CODE, str(n), stdin=-1, stdout=-1)
    return (await child.communicate(b"word%d" % n))[0], child.returncode
async def main(): print(await asyncio.gather(*map(one, (3, 1, 2))))
asyncio.run(main())
"""


GUARDIAN_KILLED = """
import os, time
waits = os.fork()
if not waits:
    time.sleep(1e6)
kills = os.fork()
if not kills:
    os.kill(waits, 9)
    os.kill(os.getpid(), 9)
print(os.waitpid(kills, 0), os.waitpid(waits, 0))
"""
GUARDIAN_DIES = """
import os, time
waits = os.fork()
if not waits:
    time.sleep(1e6)
works = os.fork()
if not works:
    print(waits, flush=True)
    for _ in range(3000):
        sum(range(10000))
    os._exit(3)
print(os.waitpid(works, 0), os.waitpid(waits, 0))
"""


def test_lost_updates_of_processes_are_the_seeds_choice(ran: Run) -> None:
    results = {
        seed: {ran(RACE, seed=seed * 32).out for _ in range(2)} for seed in (b"a", b"b", b"c", b"d")
    }
    assert all(len(found) == 1 for found in results.values()), results
    assert len(set.union(*results.values())) > 1
    assert all(int(out) < 120 for found in results.values() for out in found)


def test_deadlock_among_processes_is_told_by_each(ran: Run) -> None:
    result = ran(CROSSED)
    assert (result.exit.code, result.exit.cause) == (124, "deadlock"), result.err
    assert "no process can go on" in result.err
    assert "process 3, MainThread waits for a descriptor at <string>, line 6" in result.err
    assert "process 2, MainThread waits for a descriptor at <string>, line 8" in result.err
    assert result.out == "before\n"


def test_child_that_hangs_in_itself_ends_alone(ran: Run) -> None:
    result = ran(ALONE)
    assert (result.exit.code, result.exit.cause) == (0, "exit"), result.err
    assert result.out.startswith("124 os2: deadlock: no thread can go on")


def test_sleeps_of_children_take_no_time_and_are_on_one_clock(ran: Run) -> None:
    code = (
        "import os, time\nbegin = time.time()\n"
        "for n in (5, 3):\n"
        "    if not os.fork(): time.sleep(n * 1000000); print(round(time.time() - begin), flush=True); os._exit(0)\n"
        "os.wait(); print(round(time.time() - begin)); os.wait(); print(round(time.time() - begin))"
    )
    begin = time.monotonic()
    assert ran(code).out == "3000000\n3000000\n5000000\n5000000\n"
    assert time.monotonic() - begin < 10


def test_nobody_runs_after_the_first_process(ran: Run) -> None:
    code = "import os\nif os.fork() == 0:\n    while True: os.write(1, b'y')\nprint('end')"
    assert [(r.out, r.exit.code) for r in (ran(code) for _ in range(3))] == [("end\n", 0)] * 3


def test_a_killed_guardian_is_replaced(ran: Run) -> None:
    """Who passed on last is killed by whom it passed on to, which then dies without a word."""
    begin = time.monotonic()
    assert ran(GUARDIAN_KILLED).out == "(4, 9) (3, 9)\n"
    assert time.monotonic() - begin < 10


def test_a_guardian_that_is_killed_from_outside_is_replaced(image: Image) -> None:
    """As the kernel's memory killer would, while the one that it guards works."""
    io = Scripted()
    with Sandbox.start(image, LIMITS) as started:

        def kill() -> None:
            while not io.text("stdout"):
                time.sleep(0.01)
            os.kill(children_of(started.guest_pid)[0], signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        ended = started.run(replace(JOB, target=GUARDIAN_DIES), io)
        killer.join()
    assert (ended.code, io.text("stdout")) == (0, "3\n(4, 768) (3, 9)\n"), io.text("stderr")


def test_what_a_waiting_process_repeats_leaves_no_trace_in_memory(ran: Run) -> None:
    """So its addresses, and the order of its sets, do not tell how long it waited."""
    result = ran(Path(__file__).with_name("traceless.py").read_text())
    assert result.out.splitlines() == ["swap 1", "swap 3"], result.err


def test_first_process_that_a_child_kills_ends_the_run(ran: Run) -> None:
    code = "import os, time\nif os.fork() == 0:\n    os.kill(os.getppid(), 9)\n    print('never')\ntime.sleep(9)"
    result = ran(code)
    assert (result.exit.cause, result.out) == ("signal:SIGKILL", "")


def test_loops_that_close_all_descriptors_keep_the_order(ran: Run) -> None:
    assert ran(CLOSES_ALL).out == "b'grandchild\\n'\n4\n"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os\nos.fork() or os._exit(0)\nos.dup2(0, 1020)\nos.fork()", "was closed here"),
        ("import os\nos.mkfifo('p')\nos.fork() or open('p')\nos.wait()", "named pipe"),
        (
            "import resource, os\nresource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))\nos.fork()",
            "leave them allowed",
        ),
        (
            "import multiprocessing\nfor _ in range(5000): multiprocessing.Lock()",
            "a run has 4096 semaphores",
        ),
    ],
)
def test_what_has_no_order_is_refused_by_name(ran: Run, code: str, words: str) -> None:
    result = ran(code)
    assert result.exit.cause == "exit"
    assert words in result.err


def test_rules_of_imports_deny_nothing_that_the_order_needs(ran: Run) -> None:
    code = "import os\nif not os.fork():\n    import mmap\nprint(os.wait()[1])"
    result = ran(code, imports=("!mmap", "!gc", "!select"))
    assert result.out == "256\n", result.err
    assert "import of 'mmap' is denied" in result.err


def test_programs_of_asyncio_run_beside_each_other(ran: Run) -> None:
    result = ran(ASYNCIO)
    assert result.out == "[(b'WORD3\\n', 0), (b'WORD1\\n', 0), (b'WORD2\\n', 0)]\n", result.err


def test_calls_taken_before_the_first_child_are_ordered_too(ran: Run) -> None:
    code = (
        "from os import fork, kill, pipe, read, waitpid, write, _exit\n"
        "r, w = pipe(); file = open(r, 'rb')\n"
        "pid = fork()\n"
        "if not pid: print(file.read(3), flush=True); read(pipe()[0], 1)\n"
        "write(w, b'abc'); import time; time.sleep(1); kill(pid, 15); print(waitpid(pid, 0))"
    )
    assert ran(code).out == "b'abc'\n(3, 15)\n"


def test_calls_of_os_can_what_they_could(ran: Run) -> None:
    code = "import os, shutil\nprint(os.open in os.supports_dir_fd, shutil.rmtree.avoids_symlink_attacks)"
    assert ran(code).out == "True True\n"


@pytest.mark.slow
@pytest.mark.parametrize("work", ["time.sleep(1)", "time.time()"])
def test_interrupt_reaches_a_parent_that_waits(image: Image, work: str) -> None:
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', 'import time\\nwhile True: {work}'])\n"
        "try: child.wait()\nfinally: child.kill(); print('cleaned', child.wait())\n"
    )
    io = Scripted()
    with Sandbox.start(image, LIMITS) as started:
        timer = threading.Timer(1.5, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        ended = started.run(replace(JOB, target=code), io)
        timer.join()
    assert (ended.code, ended.cause) == (130, "interrupted"), io.text("stderr")
    assert io.text("stdout") == "cleaned -9\n"
