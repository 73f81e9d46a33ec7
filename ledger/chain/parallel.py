"""Stretches of a log followed by several processes, each with its own view of the directory.

A process is started anew rather than forked, so that it shares no descriptor, lock or thread with
this one; it is given one stretch at a time and answers with bytes followed, then with an outcome.
Nothing is decided here: a stretch that did not hold ends the handing out of those behind it, and
``verifying`` looks at it again, in order. A process that dies is worth a stretch without outcome.

A program that asks for several jobs must guard its main module (``if __name__ == "__main__"``),
as ``multiprocessing`` demands of everybody who starts processes anew.
"""

import multiprocessing
import signal
from collections import deque
from collections.abc import Sequence
from contextlib import closing, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final

from ledger.chain.auditing import Audit, Outcome, Progress, Stretch, Terms
from ledger.errors import LedgerError
from ledger.storage.file_store import FileStore

_TELL_EVERY: Final = 4 * 1024 * 1024
_LINGER_S: Final = 5.0


def follow_all(
    terms: Terms, stretches: Sequence[Stretch], jobs: int, progress: Progress
) -> list[Outcome | None]:
    """The outcome of each stretch; None for those that were not come to, or whose process died."""
    crew = _Crew(terms, stretches, progress)
    try:
        crew.start(min(jobs, len(stretches)))
        crew.work()
    finally:
        crew.stop()
    return crew.outcomes


class _Crew:
    """The processes of one audit and who has which stretch."""

    def __init__(self, terms: Terms, stretches: Sequence[Stretch], progress: Progress) -> None:
        self.outcomes: list[Outcome | None] = [None] * len(stretches)
        self._terms = terms
        self._stretches = stretches
        self._progress = progress
        self._waiting = deque(range(len(stretches)))
        self._members: dict[Connection, SpawnProcess] = {}
        self._holds: dict[Connection, int] = {}

    def start(self, count: int) -> None:
        """Start processes and give each a stretch."""
        context = multiprocessing.get_context("spawn")
        for _ in range(count):
            mine, theirs = context.Pipe()
            member = context.Process(target=serve, args=(theirs, self._terms), daemon=True)
            with closing(theirs):
                member.start()
            self._members[mine] = member
            self._give(mine)

    def work(self) -> None:
        """Take answers until every stretch that still matters has one."""
        while self._holds:
            for channel in wait(list(self._holds)):
                assert isinstance(channel, Connection)
                try:
                    answer = channel.recv()
                except (EOFError, OSError):
                    self._end_at(self._holds.pop(channel))
                    continue
                if isinstance(answer, int):
                    self._progress(answer)
                    continue
                number = self._holds.pop(channel)
                self.outcomes[number] = answer
                if not answer.good:
                    self._end_at(number)
                self._give(channel)

    def stop(self) -> None:
        """End all processes; those still at work are of no use any more."""
        for channel, member in self._members.items():
            channel.close()
            if self._holds:
                member.terminate()
        for member in self._members.values():
            member.join(_LINGER_S)
            if member.is_alive():
                member.kill()
                member.join()
            member.close()

    def _give(self, channel: Connection) -> None:
        if self._waiting:
            number = self._waiting.popleft()
            self._holds[channel] = number
            with suppress(OSError):  # it died: met when its answer is asked for
                channel.send(self._stretches[number])

    def _end_at(self, number: int) -> None:
        """What lies behind ``number`` will be followed in order, by one."""
        self._waiting = deque(each for each in self._waiting if each < number)


def serve(channel: Connection, terms: Terms) -> None:
    """Follow what ``channel`` gives until it closes; the main function of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who started this one ends it
    with suppress(EOFError, OSError), closing(channel):
        while True:
            channel.send(_followed(terms, channel.recv(), channel))


def _followed(terms: Terms, stretch: Stretch, channel: Connection) -> Outcome:
    told = _Told(channel)
    audit = Audit(terms, told.add)
    try:
        if stretch.mark is not None:
            audit.follower.begin(stretch.mark)
        with closing(FileStore(terms.directory, read_only=True)) as store:
            audit.follow(store, stretch)
    except LedgerError:
        return audit.outcome()._replace(good=False)
    finally:
        told.flush()
    return audit.outcome()


class _Told:
    """Sends the bytes followed, not too often."""

    def __init__(self, channel: Connection) -> None:
        self._channel = channel
        self._pending = 0

    def add(self, count: int) -> None:
        """Count, and send when enough came together."""
        self._pending += count
        if self._pending >= _TELL_EVERY:
            self.flush()

    def flush(self) -> None:
        """Send what was not sent yet."""
        if self._pending:
            self._channel.send(self._pending)
            self._pending = 0
