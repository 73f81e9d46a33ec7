"""Alarms and interval timers in virtual time.

A timer rings when the clock passes its instant in a sleep or in another wait: the handler runs
there, at the instant for which the timer was set, and the wait goes on. A program that only
computes hears no timer, for it lets no time pass; timers of used processor time are refused.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,import-not-found,type-arg"

import _signal

from . import clock

_REAL = 0
_SECOND_NS = 1_000_000_000


class Timer:
    """ITIMER_REAL: the next instant, or None; and the interval, both in nanoseconds."""

    def __init__(self) -> None:
        self.next: "int | None" = None
        self.interval = 0

    def left(self) -> "tuple[float, float]":
        """What getitimer gives."""
        if self.next is None:
            return (0.0, 0.0)
        return (max(self.next - clock.CLOCK.now, 1000) / 1e9, self.interval / 1e9)

    def set(self, seconds, interval) -> None:
        """Ring ``seconds`` from now, 0 never; then every ``interval``."""
        self.next = clock.CLOCK.now + int(seconds * _SECOND_NS) if seconds > 0 else None
        self.interval = int(interval * _SECOND_NS) if seconds > 0 else 0

    def ring(self, until: int) -> None:
        """Go to each instant up to ``until``, and ring there."""
        while self.next is not None and self.next <= until:
            clock.CLOCK.now = max(clock.CLOCK.now, self.next)
            self.next = self.next + self.interval if self.interval else None
            _signal.raise_signal(_signal.SIGALRM)


TIMER = Timer()


def _refuse(which) -> None:
    if which != _REAL:
        raise OSError(
            95, "timers of used processor time are not deterministic, and refused; use ITIMER_REAL"
        )


def install(module) -> None:
    """Put virtual timers behind ``module``, which is ``signal``, and behind the C module."""
    real_wait, real_pause = _signal.sigtimedwait, _signal.pause

    def alarm(seconds, /):
        left = TIMER.left()[0]
        TIMER.set(seconds, 0)
        return -int(-left // 1)

    def setitimer(which, seconds, interval=0.0, /):
        _refuse(which)
        if seconds < 0 or interval < 0:
            raise module.ItimerError(22, "Invalid argument")
        before = TIMER.left()
        TIMER.set(seconds, interval)
        return before

    def getitimer(which, /):
        _refuse(which)
        return TIMER.left()

    def pause():
        if TIMER.next is None:
            return real_pause()
        return TIMER.ring(TIMER.next)

    def sigtimedwait(sigset, timeout, /):
        if timeout <= 0 or not clock.alone():
            return real_wait(sigset, timeout)
        found = real_wait(sigset, 0)
        if found is None:
            clock.advance(timeout)
        return found

    for function in (alarm, setitimer, getitimer, pause, sigtimedwait):
        clock.named(function, "signal", function.__name__)
        setattr(module, function.__name__, function)
        setattr(_signal, function.__name__, function)
    clock.CLOCK.timer = TIMER
