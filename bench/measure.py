"""Measuring: interleaved rounds, medians, and the row that comes of them.

Ours and the peer's rounds alternate, and the one that begins alternates too, so a machine that
grows warm or busy meets both alike. The first round of each is thrown away.
"""

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MS = 1000.0
Timed = Callable[[], float]
"""Performs one round and returns its milliseconds; what it sets up first does not count."""


class Unmeasured(Exception):
    """A subject that this machine cannot measure, and why."""


@dataclass(frozen=True)
class Row:
    """One figure: lower is better in every unit used here. ``goal`` is in ``unit`` too."""

    name: str
    unit: str
    ours: float
    peer: float
    peer_name: str
    goal: float

    @property
    def ratio(self) -> float:
        return self.ours / self.peer

    @property
    def holds(self) -> bool:
        return self.ours <= self.goal

    def body(self) -> dict[str, object]:
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": round(self.ours, 3),
            "peer": round(self.peer, 3),
            "peer_name": self.peer_name,
            "ratio": round(self.ratio, 3),
            "goal": round(self.goal, 3),
            "holds": self.holds,
        }


def medians(rounds: int, ours: Timed, peer: Timed) -> tuple[float, float]:
    """Medians of ``rounds`` interleaved rounds, after one of each that does not count."""
    ours()
    peer()
    mine, theirs = [], []
    for number in range(rounds):
        if number % 2:
            theirs.append(peer())
            mine.append(ours())
        else:
            mine.append(ours())
            theirs.append(peer())
    return statistics.median(mine), statistics.median(theirs)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds that ``work`` takes."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * MS


def program(words: Sequence[str | Path], cwd: Path, env: dict[str, str]) -> Callable[[], None]:
    """Something to time: a program that must end with status 0, its output thrown away."""

    def run() -> None:
        done = subprocess.run(
            words, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            name = " ".join(map(str, words))
            raise Unmeasured(f"{name} ended with {done.returncode}: {' '.join(said)}")

    return run
