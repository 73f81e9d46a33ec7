"""Running Python: one command, a command inside the shell, and performing runs again."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import Row, medians, program, timed
from bench.rooms import environment, os2, scratch

ONE_SHOT_MS = 200
INSIDE_MS = 40
MORE = 10
CODE = "print(1)"
EXAMPLES = Path(__file__).parents[1] / "examples"


def rows(*, quick: bool) -> list[Row]:
    rounds = 5 if quick else 21
    return [_one_shot(rounds), _inside(max(3, rounds // 3)), _replay(max(3, rounds // 3))]


@contextmanager
def _workspace() -> Iterator[tuple[Path, dict[str, str]]]:
    with scratch() as base:
        work = base / "work"
        work.mkdir()
        yield work, {**environment(base), "OS2_ACTOR": "bench"}


def _one_shot(rounds: int) -> Row:
    """A process of its own for each, from exec to exit, the run recorded and durable."""
    with _workspace() as (work, env):
        ours = program([*os2(), "python", "-c", CODE], work, env)
        peer = program([sys.executable, "-c", CODE], work, env)
        mine, theirs = medians(rounds, lambda: timed(ours), lambda: timed(peer))
    return Row("os2 python -c, one shot", "ms", mine, theirs, "python3 -c", goal=ONE_SHOT_MS)


def _inside(rounds: int) -> Row:
    """What one more run costs in a shell that is open: a long script less a short one."""
    with _workspace() as (work, env):
        line = shlex.join(["python", "-c", CODE]) + "\n"
        (work / "short").write_text(line)
        (work / "long").write_text(line * (1 + MORE))
        short = program([*os2(), "run-script", "short"], work, env)
        long = program([*os2(), "run-script", "long"], work, env)
        peer = program([sys.executable, "-c", CODE], work, env)

        def ours() -> float:
            base = timed(short)
            return (timed(long) - base) / MORE

        mine, theirs = medians(rounds, ours, lambda: timed(peer))
    return Row("python -c inside the shell", "ms", mine, theirs, "python3 -c", goal=INSIDE_MS)


def _replay(rounds: int) -> Row:
    """A session of eleven real runs: recorded, then verified and performed again."""
    with _workspace() as (work, env):
        shutil.copytree(EXAMPLES / "csv_report", work / "csv_report")
        (work / "session").write_text("python csv_report/report.py\n" * (1 + MORE))
        record = program([*os2(), "run-script", "session"], work, env)
        verify = program([*os2(), "python-verify"], work, env)

        def peer() -> float:
            shutil.rmtree(work / ".os2", ignore_errors=True)
            return timed(record)

        peer()
        mine, theirs = medians(rounds, lambda: timed(verify), peer)
    name = f"replay of a session of {1 + MORE} runs"
    return Row(name, "ms", mine, theirs, "recording it", goal=theirs)
