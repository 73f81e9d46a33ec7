"""One committer for several threads: their appends queue up and share a write and a sync.

Whoever finds nobody leading leads: it commits for all that queued up meanwhile; the others wake
with their own records or their own error. So there is no thread to start or to stop, and a lone
caller pays for no hand-over. Who waits holds no lock that the next leader needs: else a thread that
was served could not queue up again before the next write began, and few would ever share one.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

from ledger.chain.durability import Durability
from ledger.errors import ClosedError
from ledger.form.record import Entry, Record

_MOST: Final = 4096  # requests in one group, so that none waits for ever more of them


@dataclass(slots=True, eq=False)
class Request:
    """One call of ``append`` on its way: ends with ``records`` or ``problem``."""

    entries: tuple[Entry, ...]
    expected: int | None = None
    records: Sequence[Record] = ()
    problem: BaseException | None = None
    ended: bool = False


class Committer:
    """Hands requests, alone or together, to ``commit``, one call at a time."""

    def __init__(
        self,
        commit: Callable[[list[Request]], None],
        turn: AbstractContextManager[object],
        durability: Durability,
    ) -> None:
        """``turn`` is the lock that every writer of this instance takes."""
        self._commit = commit
        self._turn = turn
        self._gathers = durability.gathers
        self._window_s = durability.window_s
        self._waiting: deque[Request] = deque()
        self._gate = threading.Lock()
        self._bell = threading.Condition(self._gate)
        self._led = False

    def submit(self, request: Request) -> Sequence[Record]:
        """Return the records once they are acknowledged, or raise why not."""
        if self._gathers:
            self._share(request)
        else:
            with self._turn:
                self._run([request])
        if request.problem is not None:
            raise request.problem
        return request.records

    def _share(self, request: Request) -> None:
        """Queue up; lead when nobody does. Returns when the request has ended."""
        leads = False
        try:
            with self._gate:
                self._waiting.append(request)
                while self._led and not request.ended:
                    self._bell.wait()
                if request.ended:
                    return
                leads = self._led = True
            with self._turn:
                while not request.ended:
                    self._lead()
        finally:
            if leads:
                with self._gate:
                    self._led = False
                    self._bell.notify_all()

    def _lead(self) -> None:
        if self._window_s:
            time.sleep(self._window_s)
        count = min(len(self._waiting), _MOST)
        self._run([self._waiting.popleft() for _ in range(count)])

    def _run(self, batch: list[Request]) -> None:
        try:
            self._commit(batch)
        except BaseException as problem:
            for request in batch:
                if request.problem is None:
                    request.problem = _for_others(problem)
            raise
        finally:
            for request in batch:
                request.ended = True


def _for_others(problem: BaseException) -> BaseException:
    """An interrupt belongs to the thread it struck; the others hear that the log closed."""
    if isinstance(problem, Exception):
        return problem
    return ClosedError(
        "expected the group to be written, found its writer interrupted; the ledger is closed: "
        "open it again and look which records are there"
    )
