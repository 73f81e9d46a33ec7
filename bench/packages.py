"""Environments: installing beside pip itself, and what a start with packages costs."""

import shutil
import subprocess
import sys
from pathlib import Path

from bench.measure import Row, Unmeasured, medians, program, timed
from bench.rooms import environment, os2, scratch

WANTED = ("rich", "requests", "attrs")
TIMES = 4
"""Two sandboxes, one plan, bytecode and a record: as often as pip alone we may take."""
START_MS = 40
CODE = "print(1)"


def rows(*, quick: bool) -> list[Row]:
    rounds = 3 if quick else 7
    with scratch() as base:
        wheels = base / "wheels"
        fetch = [sys.executable, "-m", "pip", "download", "-q", "--only-binary", ":all:", "-d"]
        done = subprocess.run([*fetch, wheels, *WANTED], capture_output=True, check=False)
        if done.returncode:
            raise Unmeasured("no index of packages can be reached")
        work = base / "work"
        shutil.copytree(wheels, work / "wheels")
        env = {**environment(base), "OS2_ACTOR": "bench"}
        return [_install(work, env, rounds), _start(work, env, 5 * rounds)]


def _install(work: Path, env: dict[str, str], rounds: int) -> Row:
    """From wheels that lie there, compiled, each time into nothing."""
    words = ["--no-index", "--find-links", "wheels", *WANTED]
    ours = program([*os2(), "pip", "install", *words], work, env)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    peer = program([*pip, "--target", "../lib", *words], work, env)

    def afresh() -> float:
        shutil.rmtree(work / ".os2", ignore_errors=True)
        return timed(ours)

    def bare() -> float:
        shutil.rmtree(work.parent / "lib", ignore_errors=True)
        return timed(peer)

    mine, theirs = medians(rounds, afresh, bare)
    name = f"pip install {' '.join(WANTED)}, from wheels"
    return Row(name, "ms", mine, theirs, "pip install --target", goal=TIMES * theirs)


def _start(work: Path, env: dict[str, str], rounds: int) -> Row:
    """One shot with an environment, beside one shot without."""
    ours = program([*os2(), "python", "-c", CODE], work, env)
    none = work.parent / "none"
    none.mkdir()
    peer = program([*os2(), "python", "-c", CODE], none, env)
    mine, theirs = medians(rounds, lambda: timed(ours), lambda: timed(peer))
    name = "os2 python -c with an environment"
    return Row(name, "ms", mine, theirs, "without one", goal=theirs + START_MS)
