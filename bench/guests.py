"""Guests: one at a prompt, the sandbox itself, and what its world costs a long program."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.measure import Row, Timed, Unmeasured, medians, program, timed
from bench.rooms import environment, scratch
from os2shell.executors.sandbox import EntryKind, Image, Job, Sandbox, Tier, load_image
from os2shell.policy.manifest import load_manifest
from os2shell.settings import Options, read_settings

PYVM_MS = 15
PYTHON_MS = 40
OVERHEAD_MS = 15
NATIVE_TIMES = 1.05
RANDOM_TIMES = 1.1
CLOCK_MS = 1000
SEED = bytes(range(32))
START_NS = 1_700_000_000_000_000_000
NUMERIC = """
total = 0
for i in range(4_000_000):
    total += i * i % 7
print(total)
"""
CLOCK = "import time\nfor _ in range(1_000_000): time.time()\n"
RANDOM = "import random\nfor _ in range(1_000_000): random.random()\n"
NOTHING = "pass"


def rows(*, quick: bool) -> list[Row]:
    """The goals of the sandbox, each beside bare Python in the same run."""
    rounds = 5 if quick else 15
    few = 3 if quick else 7
    subject = image, bare = _image(), _bare_words()
    return [
        _prompt("pyvm --eval 1+1 at a prompt", PYVM_MS, rounds, ["pyvm", "--eval", "1+1"]),
        _prompt("python -c at a prompt", PYTHON_MS, rounds, ["python", "-c", "print(1)"]),
        _overhead(image, bare, rounds, warm=False),
        _overhead(image, bare, rounds, warm=True),
        _long("a numeric loop", NUMERIC, lambda bare: NATIVE_TIMES * bare, subject, few),
        _long("1,000,000 random.random()", RANDOM, lambda bare: RANDOM_TIMES * bare, subject, few),
        _long("1,000,000 time.time()", CLOCK, lambda _: CLOCK_MS, subject, few),
    ]


def _prompt(name: str, goal: float, rounds: int, words: list[str]) -> Row:
    """From the words to the second durable append, a sandbox standing by."""
    with scratch() as base:
        work = base / "work"
        work.mkdir()
        env = {**environment(base), "OS2_ACTOR": "bench"}
        env["PYTHONPATH"] = str(Path(__file__).parents[1])
        file = base / "times"
        asked = [sys.executable, "-m", "bench.prompt", str(file), str(rounds), *words]
        program(asked, work, env)()
        ours = statistics.median(json.loads(file.read_text()))
        peer = program([sys.executable, "-c", "print(1+1)"], work, env)
        theirs, _ = medians(rounds, lambda: timed(peer), lambda: 0.0)
    return Row(name, "ms", ours, theirs, "python3 -c", goal=goal)


def _overhead(image: Image, bare: list[str], rounds: int, *, warm: bool) -> Row:
    """A program that does nothing, from start to the end of all that was started for it."""
    ours, theirs = medians(rounds, _sandboxed(NOTHING, image, warm=warm), _bare(NOTHING, bare))
    how = "that stood by" if warm else "started for it"
    return Row(
        f"an empty run, sandbox {how}", "ms", ours, theirs, "python3 -S", goal=theirs + OVERHEAD_MS
    )


def _long(
    name: str,
    source: str,
    goal: Callable[[float], float],
    subject: tuple[Image, list[str]],
    rounds: int,
) -> Row:
    """The program alone: what an empty run takes is taken off both sides."""
    image, bare = subject
    empty, bare_empty = medians(rounds, _sandboxed(NOTHING, image), _bare(NOTHING, bare))
    ours, theirs = medians(rounds, _sandboxed(source, image), _bare(source, bare))
    ours, theirs = ours - empty, theirs - bare_empty
    return Row(f"{name}, native tier", "ms", ours, theirs, "python3 -S", goal=goal(theirs))


class _Silent:
    """Takes the output, answers nothing."""

    def output(self, _stream: str, _chunk: bytes) -> None:
        """Throw it away."""

    def answer(self, _request: bytes) -> bytes:
        """The end of input."""
        return b""


def _sandboxed(source: str, image: Image, *, warm: bool = True) -> Timed:
    """One run in a sandbox of its own; with ``warm``, its start does not count."""
    limits = load_manifest(read_settings(Options()).manifest).limits
    job = Job(Tier.NATIVE, EntryKind.CODE, source, (), SEED, START_NS, limits)

    def run() -> float:
        begun = time.perf_counter()
        with Sandbox.start(image, limits) as sandbox:
            started = time.perf_counter()
            ended = sandbox.run(job, _Silent())
        if (ended.code, ended.cause) != (0, "exit"):
            raise Unmeasured(f"the guest ended with {ended.code}, {ended.cause}")
        return (time.perf_counter() - (started if warm else begun)) * 1000

    return run


def _bare(source: str, words: list[str]) -> Timed:
    """The same interpreter, without our world."""

    def run() -> float:
        begun = time.perf_counter()
        subprocess.run([*words, source], env={}, stdin=subprocess.DEVNULL, check=True,
                       capture_output=True)  # fmt: skip
        return (time.perf_counter() - begun) * 1000

    return run


def _image() -> Image:
    return load_image(read_settings(Options()).images)


def _bare_words() -> list[str]:
    return [str(Path(sys.executable).resolve()), "-S", "-s", "-P", "-B", "-c"]
