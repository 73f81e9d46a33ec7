"""The baton: of all the guest's threads exactly one runs, and who runs next is the seed's choice.

Rules of its state. ``current`` holds the baton; every other task waits at its own gate, a real
lock. A task that gives the baton up first says what it waits for: nothing (``READY``), a test that
is true while it must go on waiting, an instant, or both. The next one is drawn from those that can
go on; of sleepers whose time has come only the one that is due first (ties: who slept first). When
nobody can go on, the clock jumps to the earliest instant; when there is none, and nothing outside
the process can help, that is a deadlock, and ends the run by name. Nothing else moves the baton
but the points that ``locks`` and ``clock`` count: their distance is drawn from the seed as well.

A thread is awaited until it stands at its gate, and its end until the kernel has forgotten it: what
the C library allocates and frees at both would otherwise fall into another thread's time. Garbage
collection is off while the baton moves: a finaliser may want a lock, and so the baton. An interrupt
reaches the main thread at its gate; it raises once the baton comes to it.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined,no-any-return,assignment,operator,misc,call-arg"

import _thread
import gc
import os
import sys

from _blake2 import blake2b

from . import calls, clock, locks, pipes, reaping, signals
from .clock import CLOCK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LOCK_POINTS = 128
_CLOCK_POINTS = 128
_LOOKS = 16
_SWITCH_SECONDS = 0.1
_QUICK_LOOKS = 3
_NEVER = 1 << 100
_SECOND_NS = 1_000_000_000
_STEP_NS = 1_000_000
_LONG_STEP_NS = 50_000_000
_MASK = (1 << 64) - 1

# The real ones: this module is loaded after ``locks.install``, which kept them.
_real_lock, _real_ident = locks._real_lock, locks._real_ident
_real_start = locks._real_start
_real_native_id = locks._real_native_id
_real_kill = calls.real_kill
_real_sleep = clock._real_sleep


def READY() -> bool:  # noqa: N802 - a constant that is called like the tests it stands among
    """What a task waits for that could go on at once: nothing."""
    return False


class Task:
    """One thread: ``ident`` is what the guest sees, ``real`` the C library's, ``tid`` the kernel's."""

    __slots__ = (
        "arrival", "blocked", "deadline", "error", "gate", "ident", "outside", "real", "sentinels",
        "tid", "what",
    )  # fmt: skip

    def __init__(self, ident: int) -> None:
        self.ident = ident
        self.gate = _real_lock()
        self.gate.acquire()
        self.real = self.tid = self.arrival = 0
        self.blocked: "Callable[[], bool] | None" = READY
        self.deadline: "int | None" = None
        self.outside = False
        self.what = ""
        self.error: "BaseException | None" = None
        self.sentinels: list = []


class Baton:
    """All tasks, the one that runs, and the draws that choose the next."""

    def __init__(self, world) -> None:
        self.world = world
        digest = blake2b(world.seed, digest_size=8, person=b"os2 baton").digest()
        self.state = int.from_bytes(digest, "little")
        self.current = Task(locks.MAIN_IDENT)
        self.current.real = _real_ident()
        self.current.tid = _real_native_id()
        self.tasks = [self.current]
        self.started = locks.MAIN_IDENT
        self.arrivals = 0
        self.dying = 0
        self.collects = self.choosing = self.counts = False
        self.looks = 0

    def _draw(self, count: int) -> int:
        """A number below ``count``: Knuth's MMIX congruential generator, its upper half."""
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & _MASK
        return (self.state >> 33) % count

    # What threads do.

    def start(self, function, args, kwargs) -> Task:
        """A new thread, waiting at its gate; the caller goes on."""
        self._several()
        task = Task(self.started + 1)
        ready = _real_lock()
        ready.acquire()
        _real_start(self._run, (task, ready, function, args, kwargs))
        self.started += 1
        self.tasks.append(task)
        error = _certainly(ready)
        if error is not None:
            raise error
        return task

    def take(self, wanted, timeout) -> bool:
        """Wait for a lock; False when the time is up first."""
        if _real_ident() != self.current.real:
            # A thread of some C library, or one that is being torn down: not ours to order.
            return wanted._take(True, -1 if timeout is None else timeout)
        deadline = None if timeout is None else CLOCK.now + int(timeout * _SECOND_NS)
        while True:
            self.wait(wanted.locked, deadline, "a lock")
            if wanted._take(False):
                return True
            if deadline is not None and CLOCK.now >= deadline:
                return False

    def sleep(self, seconds: float) -> None:
        """Let others run until this much time has passed."""
        until = CLOCK.now + int(seconds * _SECOND_NS)
        self.wait(None, until, "time")
        while CLOCK.now < until:  # woken by a signal
            self.wait(None, until, "time")

    def turn(self) -> None:
        """Let another one run that can, of another process too, or go on."""
        self.set_points()
        if self.choosing or _real_ident() != self.current.real:
            return
        if len(self.tasks) > 1:
            self.wait(READY, None, "")
        if calls.others():
            self.world.relay.turn()

    def looked(self) -> None:
        """Count one look at what another process may do, which takes time; those of waits do not."""
        if self.choosing:
            return
        CLOCK.now += clock.STEP_NS
        self.looks -= 1
        if self.looks < 0:
            self.turn()

    def sentinel(self):
        """A lock that is released when the current thread ends."""
        made = locks.lock()
        self.current.sentinels.append(made)
        return made

    def wait(self, blocked, deadline, what: str, *, outside: bool = False) -> None:
        """Give the baton up until ``blocked`` is false or ``deadline`` is past."""
        me = self.current
        collects = gc.isenabled()
        gc.disable()
        try:
            me.blocked, me.deadline, me.what, me.outside = blocked, deadline, what, outside
            self.arrivals += 1
            me.arrival = self.arrivals
            chosen = self._chosen()
            if chosen is not me:
                self.collects = collects
                self._hand(me, chosen)
                collects = self.collects
        finally:
            me.blocked = READY
            me.deadline = None
            if collects:
                gc.enable()
        if me.error is not None:
            error, me.error = me.error, None
            raise error

    # How the baton moves.

    def _chosen(self) -> Task:
        self.choosing = True  # what a test of a wait does is no point
        try:
            return self._choose()
        finally:
            self.choosing = False

    def _choose(self) -> Task:
        """Who runs next; lets others run, jumps the clock, or ends the run as a deadlock."""
        again = False
        while True:
            able = self._able()
            if able:
                return able[0] if len(able) == 1 else able[self._draw(len(able))]
            instants = [task.deadline for task in self.tasks if task.deadline is not None]
            rings = CLOCK.timer.next if CLOCK.timer is not None else None
            if rings is not None:
                instants.append(rings)
            outside = any(task.outside for task in self.tasks)
            if calls.others():
                asks = outside or any(task.blocked is not None for task in self.tasks)
                until = min(instants, default=None)
                self.world.relay.wait(until, asks=asks, inner=not outside, again=again)
                again = True
                self._rung(rings)
            elif instants:
                self._pass_time(min(instants), outside=outside)
                self._rung(rings)
            elif outside:
                _real_sleep(_STEP_NS / _SECOND_NS)
            else:
                from . import deadlock

                deadlock.end(self)

    def _rung(self, instant: "int | None") -> None:
        """Wake the main thread where the clock has passed its timer's instant."""
        if instant is not None and instant <= CLOCK.now:
            self.wake_main()

    def _able(self) -> list:
        now = CLOCK.now
        able = []
        due = None
        for task in self.tasks:
            if task.blocked is not None and not task.blocked():
                able.append(task)
            elif task.deadline is not None and task.deadline <= now:
                key = (task.deadline, task.arrival)
                if due is None or key < (due.deadline, due.arrival):
                    due = task
        if due is not None:
            able.append(due)
        return able

    def _pass_time(self, until: int, *, outside: bool) -> None:
        """Jump to ``until``; beside processes in no order, who need real time, in real steps."""
        if not clock.childless() and until > CLOCK.now:
            step = min(until - CLOCK.now, _STEP_NS if outside else _LONG_STEP_NS)
            _real_sleep(step / _SECOND_NS)
            CLOCK.now += step
            return
        CLOCK.go(until)

    def _hand(self, me: Task, chosen: Task) -> None:
        """Open ``chosen``'s gate and wait at ours; whoever wakes us has made us current."""
        opened = False
        self.current = chosen
        while True:
            try:
                while self.current is not me:
                    if not opened:
                        _open(chosen.gate)
                        opened = True
                    me.gate.acquire()
                break
            except BaseException as error:  # a signal's handler; only the main thread gets here
                me.error = error
                me.blocked = READY
        self._received()

    def _received(self) -> None:
        """The baton is ours: wait for the last thread's very end, and set the points anew."""
        if self.dying:
            tid, self.dying = self.dying, 0
            _gone(tid)
        self.set_points()

    def set_points(self) -> None:
        """Where the baton may move next without anybody waiting."""
        threads = len(self.tasks) > 1
        self.world.points = self._draw(_LOCK_POINTS) if threads else _NEVER
        if threads or calls.others():
            CLOCK.turn = CLOCK.now + clock.STEP_NS * (1 + self._draw(_CLOCK_POINTS))
            self.looks = self._draw(_LOOKS)
        else:
            CLOCK.turn = _NEVER

    def wake_main(self) -> None:
        """Let the main thread look up from its wait, to run a signal's handler."""
        for task in self.tasks:
            if task.ident == locks.MAIN_IDENT:
                task.blocked = READY

    def order(self) -> None:
        """Before the first further thread or process: waits come to us, readings are points."""
        if not self.world.several:
            self.world.several = True
            CLOCK.reached, CLOCK.sleeper = self.turn, self.sleep
            calls.LATER.pipes, calls.LATER.signals, calls.LATER.reaping = pipes, signals, reaping
            pipes.install()
            signals.install()

    def _several(self) -> None:
        self.order()
        if not self.counts:
            self.counts = True
            sys.setswitchinterval(_SWITCH_SECONDS)
            locks.count_points()
        if len(self.tasks) == 1:
            self.world.points = self._draw(_LOCK_POINTS)
            CLOCK.turn = CLOCK.now + clock.STEP_NS * (1 + self._draw(_CLOCK_POINTS))

    def _run(self, task: Task, ready, function, args, kwargs) -> None:
        """A thread's life, from its gate to the handing on of its last baton."""
        task.real, task.tid = _real_ident(), _real_native_id()
        ready.release()
        while self.current is not task:
            task.gate.acquire()
        self._received()
        if self.collects:
            gc.enable()
        try:
            function(*args, **kwargs)
        except SystemExit:
            pass
        except BaseException as error:
            _report(error, function)
        del function, args, kwargs
        self._end(task)

    def _end(self, task: Task) -> None:
        self.collects = gc.isenabled()
        gc.disable()
        for held in task.sentinels:
            if held.locked():
                held.release()
        self.tasks.remove(task)
        chosen = self._chosen()
        self.dying = task.tid
        self.current = chosen
        _open(chosen.gate)

    def forked(self) -> None:
        """In a forked child only the forking thread lives on."""
        task = self.current
        task.real, task.tid = _real_ident(), _real_native_id()
        task.gate = _real_lock()
        task.gate.acquire()
        self.tasks = [task]
        self.dying = 0
        self.set_points()

    def ident_of(self, text: str) -> int:
        """The guest's number of the thread whose real one ``text`` ends with (``owner=N``)."""
        real = int(text.rpartition("=")[2])
        return next((task.ident for task in self.tasks if task.real == real), 0)


def _open(gate) -> None:
    if gate.locked():
        gate.release()


def _certainly(ready) -> "BaseException | None":
    """Wait for a thread that is sure to come, whatever signal arrives meanwhile; the signal's error."""
    caught = None
    while True:
        try:
            ready.acquire()
        except BaseException as error:
            caught = error
        else:
            return caught


def _gone(tid: int) -> None:
    """Wait until the kernel has forgotten a thread that is past its last line of Python."""
    turns = 0
    while True:
        try:
            _real_kill(tid, 0)
        except OSError:
            return
        if turns < _QUICK_LOOKS:  # counted no further: large numbers lie in memory
            turns += 1
        _real_sleep(0 if turns < _QUICK_LOOKS else 0.00002)


def _report(error: BaseException, function) -> None:
    """Show what ended a thread that nobody watches, as CPython does."""
    from . import entry

    trace = entry._without_ours(error.__traceback__)
    error.__traceback__ = trace
    words = "Exception ignored in thread started by"
    sys.unraisablehook(_unraisable()((type(error), error, trace, words, function)))


def _unraisable():
    """The type of what unraisablehook gets, which has no public name."""
    seen: list = []

    class Raises:
        def __del__(self):
            raise ValueError

    kept, sys.unraisablehook = sys.unraisablehook, seen.append
    Raises()
    sys.unraisablehook = kept
    return type(seen[0])
