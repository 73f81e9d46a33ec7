"""Sandboxes that stand by: the same bytes warm and cold, one run each, nothing left behind."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from ctypes import CDLL
from dataclasses import replace
from pathlib import Path

import pytest

from os2shell.executors.sandbox import EntryKind, Image, Sandbox, Starting, Tier
from os2shell.executors.standby import Standby
from tests.sandbox.guests import JOB, LIMITS, Ran, Scripted, alive

Run = Callable[..., Ran]
PR_SET_CHILD_SUBREAPER = 36

OBSERVING = """
import random, time, secrets, collections
class Thing:
    pass
things = {Thing() for _ in range(8)}
print([repr(thing) for thing in things])
print(id(things), id(print), hash(Thing()), repr(Thing))
print(random.random(), secrets.token_hex(4), time.time(), time.perf_counter())
print(repr(random.random), repr(collections.OrderedDict))
def inner():
    return 1 // 0
try:
    inner()
except ZeroDivisionError as error:
    print(repr(error))
print(undefined)
"""


@pytest.fixture
def standby() -> Iterator[Standby]:
    waiting = Standby()
    yield waiting
    waiting.close()


def run_in(sandbox: Sandbox, target: str, tier: Tier = Tier.RESTRICTED) -> tuple[int, str, str]:
    """The code, and both streams."""
    io = Scripted()
    imports = ("random", "time", "secrets", "collections")
    job = replace(JOB, tier=tier, target=target, entry=EntryKind.CODE)
    if tier is Tier.RESTRICTED:
        job = replace(job, imports=imports)
    with sandbox:
        ended = sandbox.run(job, io)
    assert ended.cause == "exit"
    return ended.code, io.text("stdout"), io.text("stderr")


def test_one_that_waited_gives_the_same_bytes_as_one_just_started(
    image: Image, standby: Standby
) -> None:
    """Addresses, orders, clock and entropy; told early, told late, and not told at all."""
    standby.start(image, LIMITS, Tier.RESTRICTED)
    time.sleep(0.3)
    prepared = run_in(standby.take(image, LIMITS, Tier.RESTRICTED), OBSERVING)
    standby.start(image, LIMITS, Tier.NATIVE)
    plain = run_in(standby.take(image, LIMITS, Tier.RESTRICTED), OBSERVING)
    cold = run_in(Sandbox.start(image, LIMITS), OBSERVING)
    assert prepared == plain == cold
    assert prepared[0] == 1
    assert "name 'undefined' is not defined" in prepared[2]


def test_what_draws_is_loaded_after_the_job(image: Image) -> None:
    """Both tiers draw the same numbers, so the restricted one's ``random`` was not seeded early."""
    program = "import random\nprint(random.random(), random.randbytes(8).hex())"
    restricted = run_in(Starting(image, LIMITS, Tier.RESTRICTED).ready(), program)
    native = run_in(Sandbox.start(image, LIMITS), program, Tier.NATIVE)
    assert restricted == native


def test_a_prepared_sandbox_runs_no_other_tier(image: Image) -> None:
    with (
        Starting(image, LIMITS, Tier.RESTRICTED).ready() as sandbox,
        pytest.raises(RuntimeError, match="prepared for the restricted tier"),
    ):
        sandbox.run(JOB, Scripted())


def test_a_sandbox_that_was_taken_does_not_wait_any_more(image: Image, standby: Standby) -> None:
    standby.start(image, LIMITS, Tier.NATIVE)
    with (
        standby.take(image, LIMITS, Tier.NATIVE) as first,
        standby.take(image, LIMITS, Tier.NATIVE) as second,
    ):
        assert os.fstat(first.workspace_fd).st_dev != os.fstat(second.workspace_fd).st_dev


def test_other_limits_get_a_sandbox_of_their_own(image: Image, standby: Standby) -> None:
    standby.start(image, LIMITS, Tier.NATIVE)
    narrow = replace(LIMITS, workspace_bytes=LIMITS.workspace_bytes // 2)
    with standby.take(image, narrow, Tier.NATIVE) as sandbox:
        space = os.fstatvfs(sandbox.workspace_fd)
    assert space.f_blocks * space.f_frsize == narrow.workspace_bytes


def children() -> set[int]:
    """This process's living children."""
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return {int(word) for word in text.split() if alive(int(word))}


def test_nothing_lives_after_close(image: Image) -> None:
    before = children()
    standby = Standby()
    for tier in (Tier.NATIVE, Tier.RESTRICTED, Tier.NATIVE):
        standby.start(image, LIMITS, tier)
    assert len(children() - before) == 2
    standby.close()
    standby.close()
    assert children() == before


@pytest.fixture
def orphans_come_here() -> Iterator[None]:
    """Processes whose parent dies become children of this one, and are seen."""
    prctl = CDLL(None).prctl
    assert prctl(PR_SET_CHILD_SUBREAPER, 1) == 0
    yield
    assert prctl(PR_SET_CHILD_SUBREAPER, 0) == 0


@pytest.mark.slow
@pytest.mark.usefixtures("orphans_come_here")
def test_a_start_that_is_given_up_at_any_moment_leaves_nobody(image: Image) -> None:
    """bubblewrap's own child waits for it for ever when it dies while it starts."""
    before = children()
    for moment in range(400):
        starting = Starting(image, LIMITS)
        time.sleep(moment % 100 / 6000)
        starting.close()
        assert children() == before, f"{moment % 100 / 6} ms after its start"


def test_waiting_costs_no_cpu(image: Image, standby: Standby) -> None:
    with Starting(image, LIMITS, Tier.RESTRICTED).ready() as sandbox:
        stat = Path(f"/proc/{sandbox._process.guest_pid}/stat")

        def spent() -> tuple[str, int]:
            words = stat.read_text().rpartition(")")[2].split()
            return words[0], int(words[11]) + int(words[12])

        end = time.monotonic() + 10
        while spent()[0] != "S" and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.3)
        state, before = spent()
        time.sleep(0.5)
        assert (state, spent()) == ("S", ("S", before))


def test_one_that_died_while_it_waited_is_replaced(image: Image, standby: Standby) -> None:
    before = children()
    standby.start(image, LIMITS, Tier.RESTRICTED)
    (waiting,) = children() - before
    time.sleep(0.2)
    os.kill(waiting, signal.SIGKILL)
    time.sleep(0.1)
    code, out, _ = run_in(standby.take(image, LIMITS, Tier.RESTRICTED), "print(6 * 7)")
    assert (code, out) == (0, "42\n")


def test_a_forked_process_begins_with_none(image: Image, standby: Standby) -> None:
    """It neither uses nor ends what waits for its parent."""
    standby.start(image, LIMITS, Tier.NATIVE)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            out = run_in(standby.take(image, LIMITS, Tier.NATIVE), "print(2)", Tier.NATIVE)
            standby.close()
            code = 0 if out == (0, "2\n", "") else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    out = run_in(standby.take(image, LIMITS, Tier.NATIVE), "print(3)", Tier.NATIVE)
    assert out == (0, "3\n", "")


def test_a_programs_end_comes_before_its_process_leaves(image: Image) -> None:
    """What an interpreter's end would run is run, in order, and its output kept."""
    program = """
def steps():
    try:
        yield 1
    finally:
        global more, most
        more = most = print("closed", end="")
left = steps()
next(left)
ring = [steps()]
ring.append(ring)
next(ring[0])
print("last line")
raise SystemExit(7)
"""
    assert run_in(Sandbox.start(image, LIMITS), program) == (7, "last line\nclosedclosed", "")
