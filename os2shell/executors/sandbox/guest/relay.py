"""The relay: of all the run's processes exactly one runs, and it says when the next one may.

Rules of its state. A table in an unnamed file, mapped by every process of the guest's, has a row for
each that lives. ``CURRENT`` is the row of the one that runs; the others wait at their gates, pipes of
their own. Who would wait, has come to a counted point or has ended passes on to the next row of the
ring that may have something to do; who is asked and cannot go on passes on at once. When everybody
was asked in vain since somebody last ran (one ``ROUND``), the one with the earliest instant
goes on there, for the clock is common: it travels with the relay. When there is no instant either,
that is a deadlock, and is told by every process in turn.

A newborn process is awaited until it stands at its gate, a dying one until the kernel calls it dead:
whoever passed on guards whom it passed on to, and passes on in the place of the dead. So neither a
crash nor SIGKILL loses the relay. With the first process everything ends: nobody runs after it.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,import-not-found,type-arg"

import _signal
import gc
import mmap
import os

from . import calls, clock, deadlock, net
from .clock import CLOCK
from .looks import BLIND, ENDED, GATE, LOOK_MS, look, rehearse, settled

CURRENT, NOW, ROUND, LIVING, USED, SEMAPHORES, ENDING, TOLD, STREAMS = range(9)
HOLDER, GUARD, GUARDIAN = range(STREAMS + 4, STREAMS + 7)
_HEAD = 16
"""Words of 8 bytes. ``USED``: rows that were ever taken; ``TOLD``: bytes of what a deadlock tells;
``STREAMS``: device and inode of the run's two outputs; ``HOLDER``: the process of ``CURRENT``;
``GUARD``, ``GUARDIAN``: row and process of the one that passes on in its place when it dies."""
PID, STATE, DEADLINE, SIGNALS, ASKED, INNER = range(6)
_ROW = 8
_ROWS = 512
FREE, STARTING, READY, WAITING, ASLEEP = range(5)
"""``ASLEEP`` waits for its instant alone, and is not asked before it."""
_OUTER, _INNER, _ENDS = range(3)
_FIRST_SEMAPHORE = _HEAD + _ROW * _ROWS
MAX_SEMAPHORES = 1 << 12
_TEXT = 8 * (_FIRST_SEMAPHORE + MAX_SEMAPHORES)
_TEXT_BYTES = 1 << 15
NEVER = (1 << 63) - 1
FILE = 1020
"""A high descriptor: the table's, which programs that are started inherit; the next is the own gate."""
_HELD = frozenset({_signal.SIGCHLD})

_open, _close, _write = calls.real_open, calls.real_close, calls.real_write
_pipe, _lockf, _getpid = calls.real_pipe2, calls.real_lockf, os.getpid
_real_sleep = clock._real_sleep


class Relay:
    """This process's place in the table."""

    def __init__(self, baton, slot: int) -> None:
        self.baton = baton
        self.reserved = -1
        self._held: frozenset = frozenset()
        self.number = FILE
        self.table = memoryview(mmap.mmap(FILE, _TEXT + _TEXT_BYTES)).cast("q")
        self.file = _identity()
        self.slot, self.row = slot, _row(slot)

    def build_gate(self) -> None:
        """A gate of our own, where an inherited one may be."""
        ends = _pipe(os.O_CLOEXEC)
        both = _open(f"/proc/self/fd/{ends[0]}", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        os.dup2(both, GATE, inheritable=False)
        for number in (*ends, both):
            _close(number)

    def check(self) -> None:
        """Refuse by name to start a process where the program has closed the table."""
        if _identity() != self.file:
            raise OSError(
                9,
                f"descriptor {FILE} orders the processes of a run, and was closed here: "
                "a program that is to start more must leave it open",
            )

    def several(self) -> bool:
        """Whether another process lives."""
        return self.table[LIVING] > 1

    def living(self) -> "list[tuple[int, int]]":
        """Row and number of every process, in the order of the ring."""
        table = self.table
        rows = [(slot, table[_row(slot) + PID]) for slot in range(table[USED])]
        return [(slot, pid) for slot, pid in rows if table[_row(slot) + STATE] > STARTING]

    # Beginnings.

    def reserve(self) -> int:
        """A row for a child that is about to be started."""
        table = self.table
        for slot in range(_ROWS):
            row = _row(slot)
            if table[row + STATE] == FREE:
                table[row + STATE] = STARTING
                table[LIVING] += 1
                table[USED] = max(table[USED], slot + 1)
                self.reserved = slot
                return slot
        raise BlockingIOError(11, "Resource temporarily unavailable")

    def launched(self, slot: int, pid: int) -> None:
        """Wait until the child stands at its gate, or is dead; 0 is a child that never was."""
        caught = None
        self.reserved = -1
        place = _row(slot) + STATE
        rehearse()
        while pid and self.table[place] == STARTING:
            try:
                if look(pid) == ENDED:
                    break
            except BaseException as error:  # a signal's handler
                caught = error
        if self.table[place] == STARTING:
            if pid:
                settled(pid)
            self._strike(slot)
        if caught is not None:
            raise caught

    def arrive(self, slot: int) -> None:
        """In the child: take the row, and wait for the first turn."""
        self.slot, self.row = slot, _row(slot)
        try:
            self.build_gate()
        except OSError as error:  # outside the order nothing may run
            _write(2, f"os2: no descriptors left to order this process ({error})\n".encode())
            calls.leave(deadlock.CODE)
        table, row = self.table, self.row
        table[row + PID] = _getpid()
        table[row + DEADLINE], table[row + ASKED] = NEVER, -1
        table[row + SIGNALS] = table[row + INNER] = 0
        self._hold()
        table[row + STATE] = READY
        self._wake(table[CURRENT])
        self._received(self._await())

    def semaphore(self, value: int) -> int:
        """The place of a new semaphore's value in the table."""
        number = self.table[SEMAPHORES]
        if number == MAX_SEMAPHORES:
            raise OSError(
                24, f"a run has {MAX_SEMAPHORES} semaphores of multiprocessing, and made them all"
            )
        self.table[SEMAPHORES] = number + 1
        self.table[_FIRST_SEMAPHORE + number] = value
        return _FIRST_SEMAPHORE + number

    # Passing on.

    def wait(self, deadline, *, asks: bool, inner: bool, again: bool) -> None:
        """Let others run; returns when this process shall look whether it can go on.

        ``asks``: something else than an instant could let it go on; ``inner``: nothing that another
        process does could; ``again``: it was asked, and could not.
        """
        table, row = self.table, self.row
        if not again:
            table[ROUND] += 1
        table[row + DEADLINE] = NEVER if deadline is None else deadline
        table[row + STATE] = WAITING if asks else ASLEEP
        table[row + INNER] = _INNER if inner else _OUTER
        table[row + ASKED] = table[ROUND]
        self._pass_on()

    def turn(self) -> None:
        """Let others run that can, though this process could go on."""
        if not self.several():
            return
        table, row = self.table, self.row
        table[ROUND] += 1
        table[row + DEADLINE], table[row + STATE] = NEVER, READY
        table[row + INNER], table[row + ASKED] = _OUTER, -1
        self._pass_on()

    def _pass_on(self) -> None:
        table = self.table
        table[NOW] = max(table[NOW], CLOCK.now)
        self._hold()
        chosen = self._next(self.slot)
        caught = None
        if chosen != self.slot:
            self._give(chosen)
            caught = self._await()
        self._received(caught)

    def _give(self, chosen: int) -> None:
        """Make ``chosen`` the one that runs, guarded by us; us, guarded by the first other one."""
        table = self.table
        self.guard(self.slot if chosen != self.slot else self._other(chosen))
        table[HOLDER] = table[_row(chosen) + PID]
        table[CURRENT] = chosen
        self._wake(chosen if chosen != self.slot else table[GUARD])

    def _other(self, *slots: int) -> int:
        """The first process that is none of these; the first of all where there is none."""
        return next((slot for slot, _ in self.living() if slot not in slots), 0)

    def guard(self, slot: int) -> None:
        """Have the process of row ``slot`` pass on in the place of the one that runs when it dies."""
        table = self.table
        table[GUARDIAN] = table[_row(slot) + PID]
        table[GUARD] = slot

    def _next(self, after: int) -> int:
        """The next row that may have something to do; moves the clock when that helps."""
        table = self.table
        used, now, this = table[USED], table[NOW], table[ROUND]
        first, instant = -1, NEVER
        for step in range(1, used + 1):
            slot = (after + step) % used
            row = _row(slot)
            state = table[row + STATE]
            if state <= STARTING:
                continue
            deadline = table[row + DEADLINE]
            if table[row + ASKED] != this and (
                state != ASLEEP or deadline <= now or table[row + SIGNALS]
            ):
                return slot
            if deadline < instant or (deadline == instant != NEVER and slot < first):
                first, instant = slot, deadline
        if first >= 0:
            table[NOW] = max(now, instant)
            table[ROUND] += 1
            return first
        return self._stuck()

    def _stuck(self) -> int:
        """Nobody can go on: a process that hangs in itself ends alone, else all tell why."""
        table = self.table
        rows = [slot for slot, _ in self.living()]
        for slot in rows:
            if slot and table[_row(slot) + INNER] == _INNER:
                table[_row(slot) + INNER] = _ENDS
                return slot
        table[ENDING] = 1
        return min((slot for slot in rows if slot), default=0)

    def _received(self, caught: "BaseException | None") -> None:
        """The relay is ours: take on the common time, and the signals that came meanwhile."""
        table, row = self.table, self.row
        if table[ENDING]:
            self._tell()
        if table[row + INNER] == _ENDS:
            deadlock.end(self.baton)
        if table[NOW] > CLOCK.now:
            CLOCK.go(table[NOW])
        signals, table[row + SIGNALS] = table[row + SIGNALS], 0
        if signals or (
            callable(_signal.getsignal(_signal.SIGCHLD)) and _signal.SIGCHLD in _signal.sigpending()
        ):
            self.baton.wake_main()
        held, self._held = self._held, frozenset()
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, held)
        for number in range(1, _signal.NSIG) if signals else ():
            if signals >> number - 1 & 1:
                _signal.raise_signal(number)
        if caught is not None:
            raise caught

    def _hold(self) -> None:
        """Have the kernel keep its SIGCHLD until our next turn; from before another one runs."""
        self._held = _HELD - _signal.pthread_sigmask(_signal.SIG_BLOCK, _HELD)

    def publish(self) -> None:
        """Before the end of this process: whoever is next goes on from its time."""
        if self.table[CURRENT] == self.slot:
            self.table[NOW] = max(self.table[NOW], CLOCK.now)

    # The gate.

    def _wake(self, slot: int) -> None:
        """Open a gate. Whose process is dead, or has closed it, looks by itself, or is seen to."""
        place = f"/proc/{self.table[_row(slot) + PID]}/fd/{GATE}"
        try:
            number = _open(place, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return
        try:
            _write(number, b".")
        except OSError:
            pass  # full: it is open
        finally:
            _close(number)

    def _await(self) -> "BaseException | None":
        """Wait until the relay is ours, and watch over who has it; an interrupt's error, if any."""
        table = self.table
        collects = gc.isenabled()
        gc.disable()
        caught = None
        rehearse()
        while table[CURRENT] != self.slot:
            try:
                self._watch()
            except BaseException as error:  # an interrupt from outside
                caught = error
                table[self.row + STATE], table[self.row + ASKED] = READY, -1
        if collects:
            gc.enable()
        return caught

    def _watch(self) -> None:
        """One look: at whom we guard, or else at the guardian, whose place we take when it is dead."""
        if self.table[GUARD] == self.slot:
            pid = self.table[HOLDER]
            found = look(pid)
            if found == ENDED:
                self._bury(pid)
            elif found == BLIND:
                self._delegate()
        else:
            pid = self.table[GUARDIAN]
            if look(pid) == ENDED:
                self._inherit(pid)

    def _delegate(self) -> None:
        """Have another one guard, for we have no descriptor left to do it by."""
        table = self.table
        rows = [slot for slot, _ in self.living() if slot != table[CURRENT]]
        self.guard(next((slot for slot in rows if slot > self.slot), rows[0]))
        self._wake(table[GUARD])

    # Ends.

    def _bury(self, pid: int) -> None:
        """Pass on in the place of the dead that we guard."""
        table = self.table
        if table[GUARD] != self.slot or table[HOLDER] != pid:
            return  # it had passed on before it died
        settled(pid)
        _lockf(FILE, os.F_LOCK, 1)
        try:
            slot = table[CURRENT]
            if table[GUARD] == self.slot and table[HOLDER] == pid and slot:
                self._strike(slot)
                self._give(self._next(slot))
        finally:
            _lockf(FILE, os.F_ULOCK, 1)
        if not slot:
            _real_sleep(LOOK_MS / 1000)  # the run is over

    def _inherit(self, pid: int) -> None:
        """Guard in the place of a guardian that was killed from outside; the first one does."""
        table = self.table
        if table[GUARDIAN] != pid or table[CURRENT] == self.slot:
            return
        _lockf(FILE, os.F_LOCK, 1)
        try:
            if table[GUARDIAN] == pid:
                self.guard(self.slot)
        finally:
            _lockf(FILE, os.F_ULOCK, 1)

    def _strike(self, slot: int) -> None:
        table, row = self.table, _row(slot)
        table[row + STATE] = FREE
        table[row + PID] = table[row + SIGNALS] = 0
        table[LIVING] -= 1
        table[ROUND] += 1

    def signal(self, slot: int, number: int) -> None:
        """Have a process find a signal when the relay comes to it."""
        self.table[_row(slot) + SIGNALS] |= 1 << number - 1
        self.table[_row(slot) + ASKED] = -1

    def rest(self) -> None:
        """Wait for the end of all."""
        while True:
            _real_sleep(1)

    def kill(self, slot: int, pid: int) -> None:
        """Send SIGKILL to a waiting process, which guards nobody any more, and wait for its end."""
        if self.table[GUARD] == slot:
            self.guard(self._other(slot, self.slot))
            self._wake(self.table[GUARD])
        calls.real_kill(pid, _signal.SIGKILL)
        rehearse()
        while look(pid) != ENDED:
            pass
        settled(pid)
        self._strike(slot)

    def _tell(self) -> None:
        """Add our words on a deadlock; the first process is asked last, and ends the run."""
        words = "".join(
            line + "\n" for line in deadlock.lines(self.baton, f"process {_getpid()}, ")
        ).encode()
        told = self.table[TOLD]
        words = words[: _TEXT_BYTES - told]
        text = self.table.cast("B")
        text[_TEXT + told : _TEXT + told + len(words)] = words
        self.table[TOLD] = told = told + len(words)
        if not self.slot:
            deadlock.end(self.baton, bytes(text[_TEXT : _TEXT + told]).decode(errors="replace"))
        rows = [slot for slot, _ in self.living()]
        self.table[CURRENT] = chosen = min((slot for slot in rows if slot > self.slot), default=0)
        self._wake(chosen)
        self.rest()


def _identity() -> "tuple[int, int]":
    try:
        return net.identity(FILE)
    except OSError:
        return -1, -1


def _row(slot: int) -> int:
    return _HEAD + _ROW * slot


def begin(baton) -> Relay:
    """The table, with this process as its first."""
    number = _open("/tmp", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    os.posix_fallocate(number, 0, _TEXT + _TEXT_BYTES)
    try:
        os.dup2(number, FILE, inheritable=True)
        relay = Relay(baton, 0)
        relay.build_gate()
    except OSError:
        raise OSError(
            24, f"processes are ordered through descriptors {FILE} and {GATE}: leave them allowed"
        ) from None
    finally:
        _close(number)
    table = relay.table
    for at, word in enumerate(calls.STREAMS[:4]):
        table[STREAMS + at] = word
    table[NOW], table[LIVING], table[USED] = CLOCK.now, 1, 1
    table[relay.row + PID], table[relay.row + STATE] = _getpid(), READY
    table[HOLDER] = table[GUARDIAN] = _getpid()
    return relay


def join(baton, slot: int) -> Relay:
    """In a program that was started: its place in the table of those that were before it."""
    relay = Relay(baton, slot)
    calls.STREAMS[:] = relay.table[STREAMS : STREAMS + 4]
    if relay.table[CURRENT] == slot:  # the process has become this program
        relay.build_gate()
    else:
        relay.arrive(slot)
    return relay
