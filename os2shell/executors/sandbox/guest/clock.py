"""The guest's time: starts at the job's instant, goes one step per reading, and jumps over sleeps.

All clocks are one counter. Monotonic clocks show the time since the start plus a constant. While the
guest has other threads or processes a sleep lets them run, and every reading may: past the instant
``turn`` it calls ``reached`` (``baton.py`` sets both). A child that native code started is in no order:
while one lives a sleep is a real one too, for it needs real time to come to its own end.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined"

import _thread
import os
import posix
import time
from _functools import partial  # type: ignore[import-not-found]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STEP_NS = 1_000
MONOTONIC_BASE_NS = 1_000_000_000_000
_SECOND_NS = 1_000_000_000


class Clock:
    """The counter; ``now``, ``start`` and ``turn`` in nanoseconds of Unix time."""

    __slots__ = ("now", "others", "passed", "reached", "sleeper", "start", "timer", "turn")

    def __init__(self) -> None:
        self.now = self.start = 0
        self.turn = 1 << 100
        self.others: "Any" = None
        self.reached: "Any" = None
        self.sleeper: "Any" = None
        self.passed: "Any" = None
        self.timer: "Any" = None

    def go(self, instant: int) -> None:
        """Go on to ``instant``: past timers, which ring; the net below Python is told."""
        if self.timer is not None:
            self.timer.ring(instant)
        self.now = max(self.now, instant)
        if self.passed is not None:
            self.passed(self.now)


CLOCK = Clock()
_real_sleep = time.sleep
_real_monotonic_ns = time.monotonic_ns


def read_ns() -> int:
    """One reading of the calendar clock."""
    CLOCK.now = now = CLOCK.now + STEP_NS
    if now >= CLOCK.turn:
        CLOCK.reached()
    return now


def look() -> float:
    """The monotonic clock in seconds, without a step."""
    return (CLOCK.now - CLOCK.start + MONOTONIC_BASE_NS) / 1e9


def advance(seconds: float) -> None:
    """Jump over ``seconds`` that nobody waits for."""
    if seconds > 0:
        CLOCK.go(CLOCK.now + int(seconds * _SECOND_NS))


def after(seconds: float) -> int:
    """The instant in so many seconds; rounded up, so that what waits for it sees its time pass."""
    return CLOCK.now - int(-seconds * _SECOND_NS // 1)


def alone() -> bool:
    """Whether nothing but this thread could change anything while it waits."""
    return not _thread._count() and childless()


def childless() -> bool:
    """Whether no other process lives; ``others`` tells of those that are ordered."""
    if CLOCK.others is not None:
        return not CLOCK.others()
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def _sleep(seconds, /):
    if CLOCK.sleeper is not None:
        _real_sleep(0 if seconds > 0 else seconds)  # judges the argument
        CLOCK.sleeper(seconds)
        return
    if alone():
        _real_sleep(0 if seconds > 0 else seconds)
        advance(seconds)
        return
    end = CLOCK.now + int(seconds * _SECOND_NS)
    _real_sleep(seconds)
    CLOCK.go(end)


def _functions(clock: Clock, start: int) -> dict:
    """The functions of ``time``, by name; closures, for they are called a million times."""
    base = MONOTONIC_BASE_NS - start

    def time_ns():
        clock.now = now = clock.now + STEP_NS
        if now >= clock.turn:
            clock.reached()
        return now

    def time_():
        clock.now = now = clock.now + STEP_NS
        if now >= clock.turn:
            clock.reached()
        return now / 1e9

    def monotonic_ns():
        clock.now = now = clock.now + STEP_NS
        if now >= clock.turn:
            clock.reached()
        return now + base

    def monotonic():
        clock.now = now = clock.now + STEP_NS
        if now >= clock.turn:
            clock.reached()
        return (now + base) / 1e9

    def process_time_ns():
        clock.now = now = clock.now + STEP_NS
        if now >= clock.turn:
            clock.reached()
        return now - start

    def process_time():
        clock.now = now = clock.now + STEP_NS
        if now >= clock.turn:
            clock.reached()
        return (now - start) / 1e9

    def clock_gettime_ns(clk_id, /):
        if clk_id in (0, 5, 11):
            return time_ns()
        return process_time_ns() if clk_id in (2, 3) else monotonic_ns()

    def clock_gettime(clk_id, /):
        return clock_gettime_ns(clk_id) / 1e9

    return {
        "time": time_, "time_ns": time_ns, "monotonic": monotonic, "monotonic_ns": monotonic_ns,
        "perf_counter": monotonic, "perf_counter_ns": monotonic_ns, "process_time": process_time,
        "process_time_ns": process_time_ns, "thread_time": process_time,
        "thread_time_ns": process_time_ns, "clock_gettime": clock_gettime,
        "clock_gettime_ns": clock_gettime_ns, "sleep": _sleep, **_texts(time_),
    }  # fmt: skip


def _texts(time_) -> dict:
    """The functions that take the present where they are given no instant."""
    real = {name: getattr(time, name) for name in _DEFAULTING}

    def gmtime(seconds=None, /):
        return real["gmtime"](time_() if seconds is None else seconds)

    def localtime(seconds=None, /):
        return real["localtime"](time_() if seconds is None else seconds)

    def ctime(seconds=None, /):
        return real["ctime"](time_() if seconds is None else seconds)

    def asctime(*when):
        return real["asctime"](*(when or (localtime(),)))

    def strftime(format, *when):
        return real["strftime"](format, *(when or (localtime(),)))

    return {
        "gmtime": gmtime, "localtime": localtime, "ctime": ctime, "asctime": asctime,
        "strftime": strftime,
    }  # fmt: skip


_DEFAULTING = ("gmtime", "localtime", "ctime", "asctime", "strftime")


def _times():
    spent = (read_ns() - CLOCK.start) / 1e9
    return os.times_result((spent, 0.0, 0.0, 0.0, (MONOTONIC_BASE_NS / 1e9) + spent))


def install(start: int) -> None:
    """Put the virtual clock behind ``time`` and ``os.times``."""
    CLOCK.now = CLOCK.start = start
    for name, function in _functions(CLOCK, start).items():
        # Partial: as C's own, it turns into no method of a class (logging keeps localtime in one).
        named(function, "time", name)
        setattr(time, name, named(partial(function), "time", name))
    os.times = posix.times = named(_times, "posix", "times")


def named(function, module: str, name: str):
    """Give ``function`` the name of what it stands for."""
    function.__module__ = module
    function.__name__ = function.__qualname__ = name
    return function
