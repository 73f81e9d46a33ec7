"""Work spread over processes of our own: forked, timed one task at a time, ended with us.

A worker prepares itself once, then performs the numbers it was given in order, and tells of each:
how long it took, how much memory it then held, and the answer. Ctrl-C ends workers at once by the
signal itself; whatever leaves the loop here kills and collects those that still live. A worker
whose parent died ends at its next word to it. Workers know nothing of standard input and errors.
"""

import json
import os
import resource
import selectors
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from os2shell.model.errors import CannotStart, Os2Error

Work = Callable[[int], object]
"""Performs one task; the answer is what JSON can say."""

_CHUNK_BYTES = 1 << 16
_FAILED = 70


@dataclass(frozen=True, slots=True)
class Done:
    """One task performed: its number, the answer, its time, and the worker's memory after it."""

    task: int
    answer: Any
    duration_ns: int
    memory_bytes: int
    worker: int


def spread(shares: Sequence[Sequence[int]], prepare: Callable[[], Work]) -> Iterator[Done]:
    """Perform each share in a process of its own; what is done comes as it is done.

    ``prepare`` is called inside each worker. Raises ``CannotStart`` with a worker's last words
    where one fails.
    """
    workers = [_start(number, share, prepare) for number, share in enumerate(shares) if share]
    try:
        yield from _listen(workers)
    finally:
        for worker in workers:
            worker.end()


class _Worker:
    """One forked process, and the pipe it tells through."""

    def __init__(self, number: int, pid: int, pipe: int) -> None:
        self.number = number
        self.pid = pid
        self.pipe = pipe
        self.rest = b""

    def lines(self) -> list[bytes] | None:
        """The lines that came; None at the end."""
        chunk = os.read(self.pipe, _CHUNK_BYTES)
        if not chunk:
            return None
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        return lines

    def end(self) -> int:
        """Kill it if it lives, and collect it; its wait status, 0 a second time."""
        if self.pid == 0:
            return 0
        pid, self.pid = self.pid, 0
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.close(self.pipe)
        return os.waitpid(pid, 0)[1]


def _start(number: int, share: Sequence[int], prepare: Callable[[], Work]) -> _Worker:
    theirs, ours = os.pipe()
    pid = os.fork()
    if pid:
        os.close(ours)
        return _Worker(number, pid, theirs)
    status = _FAILED
    try:
        os.close(theirs)
        _alone()
        _perform(number, share, prepare, ours)
        status = 0
    except BrokenPipeError:
        pass  # nobody listens any more
    except BaseException as error:  # noqa: BLE001 — a forked child must not return into the shell
        told = {"failed": f"{type(error).__name__}: {error}", "remedy": _where(error)}
        with suppress(OSError):
            os.write(ours, json.dumps(told).encode() + b"\n")
    finally:
        os._exit(status)


def _alone() -> None:
    """Let Ctrl-C end this process, and take the terminal out of its reach."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def _perform(number: int, share: Sequence[int], prepare: Callable[[], Work], pipe: int) -> None:
    work = prepare()
    for task in share:
        begin = time.perf_counter_ns()
        answer = work(task)
        took = time.perf_counter_ns() - begin
        row = {"task": task, "answer": answer, "ns": took, "memory": _memory(), "worker": number}
        data = json.dumps(row).encode() + b"\n"
        while data:
            data = data[os.write(pipe, data) :]


def _where(error: BaseException) -> str:
    """Where a defect lies; what the shell itself refuses needs no such word."""
    if isinstance(error, Os2Error):
        return ""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"this is a defect of os2, at {Path(last.filename).name}:{last.lineno}"


def _memory() -> int:
    """Bytes of this process that are in memory now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


def _listen(workers: Sequence[_Worker]) -> Iterator[Done]:
    with selectors.DefaultSelector() as selector:
        for worker in workers:
            selector.register(worker.pipe, selectors.EVENT_READ, worker)
        while selector.get_map():
            for key, _ in selector.select():
                worker = key.data
                lines = worker.lines()
                if lines is None:
                    selector.unregister(worker.pipe)
                    _check(worker)
                for line in lines or ():
                    yield _done(json.loads(line))


def _done(row: dict[str, Any]) -> Done:
    if "failed" in row:
        raise CannotStart(f"a worker failed: {row['failed']}", remedy=row["remedy"])
    return Done(row["task"], row["answer"], row["ns"], row["memory"], row["worker"])


def _check(worker: _Worker) -> None:
    status = worker.end()
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT:
        raise KeyboardInterrupt
    if status or worker.rest:
        raise CannotStart(f"a worker ended early (wait status {status})")
