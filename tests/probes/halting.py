"""Halts single processes of a running guest from outside, at random moments, and lets them go on."""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from os2shell.executors.sandbox.tree import descendants
from tests.probes.recording import PROBES, needs

HALTED = 4
"""Of the recordings of each program that has an order."""
HEARS_OF_HALTS = {"process_signals"}
"""Handles SIGCHLD, which a halt sends as well: its run then tells what was done to it."""
ORDERED = [
    name
    for name in PROBES
    if name.startswith(("process_", "thread_"))
    and name not in HEARS_OF_HALTS
    and not needs(name, "packages")
]
_AT_ONCE = 3
_HALT_SECONDS = 0.02
_GAP_SECONDS = 0.003
_LONG_SECONDS = 0.15
_LONG_ONE_IN = 40


@contextmanager
def halting(guest_pid: int) -> Iterator[None]:
    """Meanwhile no process of ``guest_pid``'s namespace gets on as it would; each goes on at last.

    A halt tells a process's parent by SIGCHLD: a guest that handles that signal sees it.
    """
    over = threading.Event()
    halts = threading.Thread(target=_halt_at_random, args=(guest_pid, over))
    halts.start()
    try:
        yield
    finally:
        over.set()
        halts.join()


def _halt_at_random(guest_pid: int, over: threading.Event) -> None:
    chance = random.Random()
    while not over.is_set():
        living = _guests(guest_pid)
        for pid in chance.sample(living, min(len(living), chance.randint(1, _AT_ONCE))):
            longest = _LONG_SECONDS if not chance.randrange(_LONG_ONE_IN) else _HALT_SECONDS
            _halt(pid, chance.random() * longest)
        time.sleep(chance.random() * _GAP_SECONDS)


def _halt(pid: int, seconds: float) -> None:
    """By pidfd: the number may be another's by the time it goes on."""
    try:
        held = os.pidfd_open(pid)
    except OSError:
        return  # it has ended
    try:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(held, signal.SIGSTOP)
            time.sleep(seconds)
            signal.pidfd_send_signal(held, signal.SIGCONT)
    finally:
        os.close(held)


def _guests(first: int) -> list[int]:
    """All processes that ``first``, the guest's main one, has started and those have, and itself.

    Whose parent has died is found too: below the first process of the namespace, bubblewrap's.
    """
    try:
        stat = Path(f"/proc/{first}/stat").read_text()
    except OSError:
        return []  # the run is over
    return list(descendants(int(stat.rpartition(")")[2].split()[1])))
