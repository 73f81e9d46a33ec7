"""A thousand replays of small sessions on two cores: how long, and whether memory stays flat."""

import json
import subprocess
from typing import Any

from bench.measure import Row, Unmeasured
from bench.rooms import environment, os2, scratch

REPLAYS = 1000
FEW = 100
GOAL_S = 60.0
JOBS = 2
GROWTH_MIB = 4.0
MEBIBYTE = 1 << 20
SECOND = 1_000_000_000


def rows(*, quick: bool) -> list[Row]:
    wanted = FEW if quick else REPLAYS
    small = _benchmark(1)
    result = _benchmark(-(-wanted // len(small["rows"])))
    replays, wall = result["replays"], result["replay_wall_ns"] / SECOND
    bare = sum(row["bare_median_ns"] * row["replays"] for row in result["rows"]) / JOBS / SECOND
    early = result["memory_early_bytes"] / MEBIBYTE
    late = result["memory_late_bytes"] / MEBIBYTE
    time = f"{replays:,} replays of small sessions, {JOBS} processes"
    goal = GOAL_S * replays / REPLAYS
    return [
        Row(time, "s", wall, bare, "python3, the same programs", goal=goal),
        Row(
            f"a replaying process after {replays // JOBS:,} replays",
            "MiB",
            late,
            early,
            f"after {replays // JOBS // 10:,}",
            goal=early + GROWTH_MIB,
        ),
    ]


def _benchmark(count: int) -> dict[str, Any]:
    """What the command says of its small suite, each program replayed ``count`` times."""
    options = ["--suite", "small", "--jobs", str(JOBS), "--count", str(count), "--json"]
    with scratch() as base:
        work = base / "work"
        work.mkdir()
        done = subprocess.run(
            [*os2(), "deterministic-benchmark", "run", *options],
            cwd=work,
            env={**environment(base), "OS2_ACTOR": "bench"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise Unmeasured(f"the benchmark ended with {done.returncode}: {' '.join(said)}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result
