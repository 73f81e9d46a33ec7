"""Stretches of a log followed by several at once, each with its own view of the directory.

Where the inner loop is compiled, these are threads: it lets them run at once. Else, and where the
content of objects is looked at as well, which is Python's work, they are processes, started anew
rather than forked, so that they share no descriptor, lock or thread with this one. That takes a
third of a second, so this process works as well: others are given a stretch, one at a time, only
once they say that they are there, and a short log is followed before any is. They answer with
bytes followed, then with an outcome.
Nothing is decided here: a stretch that did not hold ends the handing out of those behind it, and
``verifying`` looks at it again, in order. A member that dies is worth a stretch without outcome.

A program that asks for several jobs must guard its main module (``if __name__ == "__main__"``),
as ``multiprocessing`` demands of everybody who starts processes anew.
"""

import gc
import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final

from ledger.chain.auditing import Audit, Outcome, Progress, Stretch, Terms
from ledger.errors import LedgerError
from ledger.native import inner_loop
from ledger.storage.file_store import FileStore

_TELL_EVERY: Final = 4 * 1024 * 1024
_LISTEN_EVERY: Final = 1024 * 1024  # so many bytes are followed in some 15 ms
_READY: Final = 0
_LINGER_S: Final = 5.0


def follow_all(
    terms: Terms, stretches: Sequence[Stretch], jobs: int, progress: Progress
) -> list[Outcome | None]:
    """The outcome of each stretch; None for those that were not come to, or whose process died."""
    crew = _Crew(terms, stretches, progress)
    try:
        crew.start(min(jobs, len(stretches)) - 1)
        crew.work()
    finally:
        crew.stop()
    return crew.outcomes


class _Crew:
    """The other members of one audit and who has which stretch."""

    def __init__(self, terms: Terms, stretches: Sequence[Stretch], progress: Progress) -> None:
        self.outcomes: list[Outcome | None] = [None] * len(stretches)
        self._terms = terms
        self._stretches = stretches
        self._progress = progress
        self._waiting = deque(range(len(stretches)))
        self._members: dict[Connection, SpawnProcess | _Thread] = {}
        self._heard: set[Connection] = set()
        self._holds: dict[Connection, int] = {}

    def start(self, count: int) -> None:
        """Start so many members beside this one."""
        is_compiled = inner_loop() is not None and not self._terms.objects
        begin = _begin_thread if is_compiled else _begin_process
        for _ in range(count):
            mine, theirs = multiprocessing.Pipe()
            self._members[mine] = begin(theirs, self._terms)
            self._heard.add(mine)

    def work(self) -> None:
        """Follow stretches here, and take answers until each that still matters has one."""
        while self._waiting:
            number = self._waiting.popleft()
            told = _Told(self._told_here, _LISTEN_EVERY)
            self._take(number, _followed(self._terms, self._stretches[number], told))
        while self._holds:
            self._listen(None)

    def stop(self) -> None:
        """End all members; what any may still be at is of no use any more."""
        for channel, member in self._members.items():
            channel.close()
            member.terminate()
        for member in self._members.values():
            member.join(_LINGER_S)
            if member.is_alive():
                member.kill()
                member.join()
            member.close()

    def _told_here(self, count: int) -> None:
        self._progress(count)
        self._listen(0.0)

    def _listen(self, timeout: float | None) -> None:
        """Take what the others say; None waits until one does."""
        for channel in wait(list(self._heard), timeout):
            assert isinstance(channel, Connection)
            try:
                answer = channel.recv()
            except (EOFError, OSError):
                self._heard.discard(channel)
                if channel in self._holds:
                    self._take(self._holds.pop(channel), None)
                continue
            if not isinstance(answer, int):
                self._take(self._holds.pop(channel), answer)
                self._give(channel)
            elif answer == _READY:
                self._give(channel)
            else:
                self._progress(answer)

    def _give(self, channel: Connection) -> None:
        if self._waiting:
            number = self._waiting.popleft()
            self._holds[channel] = number
            with suppress(OSError):  # it died: met when its answer is asked for
                channel.send(self._stretches[number])

    def _take(self, number: int, outcome: Outcome | None) -> None:
        """Keep an outcome; what lies behind one that is not good will be followed in order."""
        self.outcomes[number] = outcome
        if outcome is None or not outcome.good:
            self._waiting = deque(each for each in self._waiting if each < number)


class _Thread(threading.Thread):
    """A member in this process; nothing ends it but its channel, which closes before."""

    def terminate(self) -> None:
        """Leave it to end: it will say how far it came, and hear that nobody listens."""

    kill = close = terminate


def _begin_thread(channel: Connection, terms: Terms) -> _Thread:
    member = _Thread(target=serve, args=(channel, terms), daemon=True)
    member.start()
    return member


def _begin_process(channel: Connection, terms: Terms) -> SpawnProcess:
    context = multiprocessing.get_context("spawn")
    member = context.Process(target=_serve_alone, args=(channel, terms), daemon=True)
    with closing(channel):
        member.start()
    return member


def _serve_alone(channel: Connection, terms: Terms) -> None:
    """``serve``, as the main function of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who started this one ends it
    gc.disable()  # following makes no cycles, and looking for them takes a twentieth of it
    serve(channel, terms)


def serve(channel: Connection, terms: Terms) -> None:
    """Follow what ``channel`` gives until it closes."""
    with suppress(EOFError, OSError), closing(channel):
        channel.send(_READY)
        while True:
            channel.send(_followed(terms, channel.recv(), _Told(channel.send, _TELL_EVERY)))


def _followed(terms: Terms, stretch: Stretch, told: "_Told") -> Outcome | None:
    audit = Audit(terms, told.add)
    try:
        if stretch.mark is not None:
            audit.follower.begin(stretch.mark)
        with closing(FileStore(terms.directory, read_only=True)) as store:
            audit.follow(store, stretch)
    except LedgerError:
        return audit.outcome()._replace(good=False)
    except OSError:  # it is met again, and named, where stretches are followed in order
        return None
    finally:
        told.flush()
    return audit.outcome()


class _Told:
    """Says how many bytes were followed, not too often."""

    def __init__(self, say: Callable[[int], None], every: int) -> None:
        self._say = say
        self._every = every
        self._pending = 0

    def add(self, count: int) -> None:
        """Count, and say so when enough came together."""
        self._pending += count
        if self._pending >= self._every:
            self.flush()

    def flush(self) -> None:
        """Say what was not said yet."""
        if self._pending:
            pending, self._pending = self._pending, 0
            self._say(pending)
