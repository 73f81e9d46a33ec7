"""Places to measure in: folders with files, repositories, and environments without surprises."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import Unmeasured

SHARED_MEMORY = Path("/dev/shm")
SETTLED = 1_600_000_000
"""A time long past, given to the files so that neither index holds them for racy."""


@contextmanager
def scratch(*, in_memory: bool = False) -> Iterator[Path]:
    """A folder that is gone afterwards."""
    parent = SHARED_MEMORY if in_memory and os.access(SHARED_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="os2-bench-", dir=parent) as name:
        yield Path(name)


@contextmanager
def folder_fd(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)


def write_sources(root: Path, count: int) -> None:
    """``count`` small text files, 50 to a folder, as a project of some size has them."""
    chance = random.Random(count)
    for number in range(count):
        folder = root / f"part{number // 1000:02}" / f"group{number // 50 % 20:02}"
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"value_{each} = {chance.random()}" for each in range(chance.randint(5, 60))]
        path = folder / f"module_{number:05}.py"
        path.write_text("\n".join(lines))
        os.utime(path, (SETTLED, SETTLED))


def environment(home: Path) -> dict[str, str]:
    """An environment that is the same for ours and the peer. Interpreter images stay cached."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "XDG_CACHE_HOME": cache,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CONFIG_COUNT": "1",  # else git repacks behind the measurement's back
        "GIT_CONFIG_KEY_0": "gc.auto",
        "GIT_CONFIG_VALUE_0": "0",
        "GIT_AUTHOR_NAME": "bench",
        "GIT_AUTHOR_EMAIL": "bench@example.org",
        "GIT_COMMITTER_NAME": "bench",
        "GIT_COMMITTER_EMAIL": "bench@example.org",
    }


def git(root: Path, env: dict[str, str], *words: str) -> None:
    """Set something up with git; measuring uses ``program``."""
    if shutil.which("git") is None:
        raise Unmeasured("git is the peer, and is not installed")
    subprocess.run(["git", *words], cwd=root, env=env, check=True, capture_output=True)


def os2() -> list[str]:
    """The words that start os2: the installed command when there is one."""
    installed = Path(sys.executable).with_name("os2")
    return [str(installed)] if installed.exists() else [sys.executable, "-m", "os2shell"]
