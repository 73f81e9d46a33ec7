"""Records a probe in a sandbox of its own; what it needs beside the standard library is put there."""

import os
import platform
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from os2shell.executors.sandbox import EntryKind, Image, Sandbox, load_image
from os2shell.executors.sandbox.contents import ENVIRONMENT
from tests.house import IMAGES
from tests.probes.installed import installed
from tests.sandbox.guests import JOB, LIMITS, Scripted, left_in

FOLDER = Path(__file__).with_name("nondeterminism")
PROBES = sorted(path.stem for path in FOLDER.glob("*.py"))
BOUNDS = replace(LIMITS, memory_bytes=1 << 32, workspace_bytes=1 << 28, files=20_000, processes=64)
AT_ONCE = (os.cpu_count() or 1) + 1
"""More than there are processors, so that recordings disturb each other."""
_LOOKS = 5
_LOOK_SECONDS = 0.002


@dataclass(frozen=True)
class Observed:
    """All that a recording would hold of a run."""

    out: str
    err: str
    code: int
    cause: str
    left: tuple[tuple[str, bytes], ...]


Disturbing = Callable[[int], AbstractContextManager[None]]


def _undisturbed(_pid: int) -> AbstractContextManager[None]:
    return nullcontext()


@cache
def test_image() -> Image:
    """The image that all tests share."""
    return load_image(IMAGES)


def needs(probe: str, what: str) -> list[str]:
    """The words of the line ``# what: …`` of a probe."""
    for line in (FOLDER / f"{probe}.py").read_text().splitlines():
        if line.startswith(f"# {what}: "):
            return line.split()[2:]
    return []


def furnish(probe: str, folder: Path) -> None:
    """Put the probe and its extension into ``folder``; skips by name what is absent."""
    machines = needs(probe, "machine")
    if machines and platform.machine() not in machines:
        pytest.skip(f"a program for {', '.join(machines)}")
    (folder / "probe.py").write_bytes((FOLDER / f"{probe}.py").read_bytes())
    for name in needs(probe, "extension"):
        compiler = shutil.which("cc") or shutil.which("gcc")
        include = sysconfig.get_path("include")
        if compiler is None or not Path(include, "Python.h").exists():
            pytest.skip("no C compiler, or no headers of this Python")
        words = [compiler, "-shared", "-fPIC", "-O1", f"-I{include}", "-o", f"{folder}/{name}.so"]
        subprocess.run([*words, str(FOLDER / f"{name}.c")], check=True)


def image_for(folder: Path) -> Image:
    """The image, with the packages that the probe in ``folder`` imports."""
    if "\n# packages: " in (folder / "probe.py").read_text():
        return test_image().with_mount(ENVIRONMENT, installed().folder)
    return test_image()


def record(folder: Path, disturbed: Disturbing = _undisturbed) -> Observed:
    """Run ``probe.py`` of ``folder`` on a copy of it, ``disturbed`` by what is given the guest."""
    io = Scripted(b"")
    with Sandbox.start(image_for(folder), BOUNDS) as sandbox:
        with sandbox.writing():
            _copy(folder, sandbox.workspace_fd)
        job = replace(JOB, entry=EntryKind.SCRIPT, target="probe.py", limits=BOUNDS)
        with disturbed(sandbox.guest_pid):
            ended = sandbox.run(job, io)
        return Observed(
            io.text("stdout"),
            io.text("stderr"),
            ended.code,
            ended.cause,
            tuple(sorted(left_in(sandbox).items())),
        )


def record_many(folder: Path, count: int) -> Iterator[Observed]:
    """``count`` recordings, ``AT_ONCE`` of them: each is load for the others, and starts meanwhile."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(record, [folder] * count)


def _copy(folder: Path, into: int) -> None:
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir():
            os.mkdir(name, dir_fd=into)
            continue
        number = os.open(name, os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=into)
        with os.fdopen(number, "wb") as file:
            file.write(path.read_bytes())


@contextmanager
def load(count: int = 2) -> Iterator[None]:
    """Keep ``count`` processors busy meanwhile; beside other tests they mostly are already.

    Others come and go, so this makes way for them: what disturbs is that no processor is idle.
    """
    spin = ["nice", "-n", "10", "/bin/sh", "-c", "while :; do :; done"]
    lacking = range(count - _busy())
    busy = [subprocess.Popen(spin, stdout=subprocess.DEVNULL) for _ in lacking]
    try:
        yield
    finally:
        for child in busy:
            child.kill()
            child.wait()


def _busy() -> int:
    """How many others want a processor, at the least of some looks (``proc_loadavg(5)``, field 4)."""
    found = []
    for _ in range(_LOOKS):
        found.append(int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0]) - 1)
        time.sleep(_LOOK_SECONDS)
    return min(found)
