"""The programs of the benchmark: where they lie, what each is, how they run, and bare Python too.

``suite.toml`` names them. In a wheel the folder is inside the package, in a checkout among the
examples; they are programs like any other and know of nothing here.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from os2shell.model.errors import CannotStart
from os2shell.model.guest import Tier

LIST = "suite.toml"
STANDARD = "standard"
SUITES = (STANDARD, "small")
_ENVIRONMENT = {"LANG": "C.UTF-8", "PATH": os.defpath}
_BARE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Program:
    """One program: the words after ``python``, what it reads, and the exit code it must have.

    ``absent`` is the code by which it says that a library it is about is not there.
    """

    name: str
    words: tuple[str, ...]
    tiers: tuple[Tier, ...]
    suites: tuple[str, ...]
    stdin: str | None
    code: int
    absent: int | None


def suite_folder() -> Path:
    """Where the programs are."""
    package = Path(__file__).parents[1]
    installed = package / "suite"
    return installed if installed.is_dir() else package.parent / "examples" / "suite"


def read_suite(folder: Path, suite: str) -> tuple[Program, ...]:
    """The programs of ``suite``, in order; raises ``CannotStart`` where there are none."""
    try:
        listed = tomllib.loads((folder / LIST).read_text("utf-8"))["program"]
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        raise CannotStart(
            f"the benchmark's programs cannot be read: {error}",
            expected=f"{LIST} in {folder}",
            remedy="install os2shell again",
        ) from None
    programs = tuple(_program(entry) for entry in listed)
    return tuple(program for program in programs if suite in program.suites)


@contextmanager
def copied_suite(folder: Path) -> Iterator[Path]:
    """A folder that is gone afterwards, with the programs in its folder ``work``."""
    with TemporaryDirectory(prefix="os2-benchmark-") as scratch:
        work = Path(scratch) / "work"
        shutil.copytree(folder, work, ignore=shutil.ignore_patterns("__pycache__"))
        yield Path(scratch)


def run_bare(program: Program, folder: Path, library: Path | None = None) -> int:
    """Run ``program`` in ``folder`` with the Python that runs us; its code.

    ``library`` is where it finds packages beside that Python's own.
    """
    environment = _ENVIRONMENT if library is None else _ENVIRONMENT | {"PYTHONPATH": str(library)}
    with (folder / program.stdin if program.stdin else Path(os.devnull)).open("rb") as stdin:
        return subprocess.run(
            [sys.executable, *program.words],
            cwd=folder,
            env=environment,
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_BARE_SECONDS,
            check=False,
        ).returncode


def read_from(program: Program, folder: Path) -> None:
    """Make what ``program`` reads this process's standard input; for a worker only."""
    source = os.open(folder / program.stdin if program.stdin else os.devnull, os.O_RDONLY)
    os.dup2(source, 0)
    os.close(source)


def processors() -> int:
    """How many there are for us."""
    return len(os.sched_getaffinity(0))


def _program(entry: dict[str, Any]) -> Program:
    return Program(
        name=str(entry["name"]),
        words=_texts(entry["words"]),
        tiers=tuple(Tier(name) for name in entry.get("tiers", [Tier.NATIVE])),
        suites=_texts(entry.get("suites", [STANDARD])),
        stdin=entry.get("stdin"),
        code=int(entry.get("code", 0)),
        absent=entry.get("absent"),
    )


def _texts(words: Sequence[object]) -> tuple[str, ...]:
    return tuple(str(word) for word in words)
