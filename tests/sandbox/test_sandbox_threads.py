"""Threads under the baton: the seed's order, deadlocks by name, interrupts, ends, locks as C's own.

Programs that must repeat byte for byte lie in tests/probes/nondeterminism (``thread_*.py``).
"""

import os
import signal
import threading
from dataclasses import replace

import pytest

from os2shell.executors.sandbox import Image, Sandbox
from tests.sandbox.guests import JOB, LIMITS, Run, Scripted

RACE = """
import threading, time
total = 0
def add():
    global total
    for _ in range(400):
        seen = total
        time.monotonic()
        total = seen + 1
threads = [threading.Thread(target=add) for _ in range(3)]
[t.start() for t in threads]; [t.join() for t in threads]
print(total)
"""
CROSSED = """
import threading
a, b, both = threading.Lock(), threading.Lock(), threading.Barrier(2)
def take(first, second):
    with first:
        both.wait()
        with second: pass
print('before')
threads = [threading.Thread(target=take, args=p, name=n) for n, p in (('ab', (a, b)), ('ba', (b, a)))]
[t.start() for t in threads]; [t.join() for t in threads]
"""
DEADLOCKS = {
    "crossed": (
        CROSSED,
        ("MainThread waits", "ab waits for a lock at <string>, line 7", "ba waits"),
    ),
    "own": ("from _thread import *\nx = allocate_lock(); x.acquire()\nx.acquire()", ("line 3",)),
    "event": ("import threading; threading.Event().wait()", ("MainThread waits for a lock",)),
    "queue": ("import queue\nqueue.SimpleQueue().get()", ("line 2, in <module>",)),
    "join": (
        "import threading\nme = threading.main_thread()\nt = threading.Thread(target=me.join)\nt.start(); t.join()",
        ("Thread-1 (join)", "line 4"),
    ),
    "after the end": (
        "import threading\nt = threading.Thread(target=threading.Event().wait); t.start()",
        ("Thread-1 (wait)",),
    ),
}


def test_lost_updates_are_the_seeds_choice(ran: Run) -> None:
    results = {
        seed: {ran(RACE, seed=seed * 32).out for _ in range(3)} for seed in (b"a", b"b", b"c")
    }
    assert all(len(found) == 1 for found in results.values()), results
    assert len(set.union(*results.values())) > 1
    assert all(int(out) < 1200 for found in results.values() for out in found)


@pytest.mark.parametrize("name", DEADLOCKS)
def test_deadlock_ends_the_run_by_name(ran: Run, name: str) -> None:
    code, words = DEADLOCKS[name]
    result = ran(code)
    assert (result.exit.code, result.exit.cause) == (124, "deadlock"), result.err
    assert "os2: deadlock:" in result.err
    assert [word for word in words if word not in result.err] == []
    assert result.out == ("before\n" if name == "crossed" else "")


def test_waits_for_time_are_no_deadlock(ran: Run) -> None:
    code = (
        "import threading, time\nlock = threading.Lock(); lock.acquire()\nbegin = time.monotonic()\n"
        "print(lock.acquire(timeout=1e6), round(time.monotonic() - begin), threading.Event().wait(5))"
    )
    assert ran(code).out == "False 1000000 False\n"


@pytest.mark.slow
@pytest.mark.parametrize("work", ["time.sleep(1)", "lock.acquire(); lock.release()", "time.time()"])
def test_interrupt_reaches_the_main_thread_where_it_joins(image: Image, work: str) -> None:
    code = (
        "import threading, time\nlock = threading.Lock()\n"
        f"def work():\n    while True: {work}\n"
        "thread = threading.Thread(target=work, daemon=True); thread.start()\n"
        "try: thread.join()\nfinally: print('cleaned')\n"
    )
    io = Scripted()
    with Sandbox.start(image, LIMITS) as started:
        timer = threading.Timer(0.7, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        ended = started.run(replace(JOB, target=code), io)
        timer.join()
    assert (ended.code, ended.cause, io.text("stdout")) == (130, "interrupted", "cleaned\n")
    assert "KeyboardInterrupt" in io.text("stderr")


def test_end_waits_for_threads_and_tells_the_code_of_the_main_one(ran: Run) -> None:
    code = (
        "import sys, threading, time, atexit\natexit.register(print, 'atexit')\n"
        "threading.Thread(target=lambda: (time.sleep(9), print('late'))).start()\nsys.exit(7)"
    )
    result = ran(code)
    assert (result.out, result.exit.code, result.exit.cause) == ("late\natexit\n", 7, "exit")


def test_exit_from_a_thread_ends_all(ran: Run) -> None:
    code = (
        "import os, threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(1), os._exit(9))).start()\n"
        "while True: time.sleep(0.3)"
    )
    assert ran(code).exit.code == 9


def test_too_many_threads_meet_the_limit(ran: Run) -> None:
    code = (
        "import threading\ne = threading.Event()\n"
        "try:\n    for n in range(1000): threading.Thread(target=e.wait, daemon=True).start()\n"
        "except RuntimeError as error: print(error, n > 5)\n"
    )
    result = ran(code)
    assert result.out == "can't start new thread True\n" or result.exit.cause == "limit.processes"


def test_locks_refuse_what_locks_of_c_refuse(ran: Run) -> None:
    code = """
import copy, pickle, threading, weakref
lock, again = threading.Lock(), threading.RLock()
def error(call):
    try: call()
    except Exception as found: print(type(found).__name__, found)
error(lock.release); error(again.release)
error(lambda: lock.acquire(False, 1)); error(lambda: lock.acquire(True, -2))
error(lambda: lock.acquire(True, 1e300)); error(lambda: copy.copy(lock)); error(lambda: pickle.dumps(again))
print(lock.acquire(), lock.acquire(False), lock.locked(), lock.release(), weakref.ref(lock)() is lock)
print(type(lock), isinstance(lock, type(threading.Lock())), again.acquire(), again.acquire(), again._recursion_count() if hasattr(again._real, '_recursion_count') else 2)
threading.Thread(target=lambda: print(again.acquire(False))).start()
"""
    assert ran(code).out.splitlines() == [
        "RuntimeError release unlocked lock",
        "RuntimeError cannot release un-acquired lock",
        "ValueError can't specify a timeout for a non-blocking call",
        "ValueError timeout value must be a non-negative number",
        "OverflowError timeout value is too large",
        "TypeError cannot pickle '_thread.lock' object",
        "TypeError cannot pickle '_thread.RLock' object",
        "True False True None True",
        "<class '_thread.lock'> True True True 2",
        "False",
    ]


def test_finaliser_that_wants_a_lock_moves_the_baton_safely(ran: Run) -> None:
    code = """
import gc, threading
lock = threading.Lock()
class Cycle:
    def __init__(self): self.me = self
    def __del__(self):
        with lock: ends.append(threading.get_ident())
ends = []
def work():
    for _ in range(300):
        Cycle()
        if len(ends) % 7 == 0: threading.Event().wait(0.001)
gc.set_threshold(5)
threads = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
gc.collect()
print(len(ends), gc.isenabled())
"""
    assert ran(code).out == "1200 True\n"
