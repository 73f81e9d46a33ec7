"""numpy and pandas as a user has them: wheels of the index, in an environment that ``os2 pip`` made.

Made once for each Python and each form of our pip driver, and kept for the test runs to come: it takes
half a minute. Whoever changes what lies there meets the ledger's own checks.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from tempfile import gettempdir

import pytest

from ledger import Digest, FileObjects
from os2shell.executors.packages.environment import environment_folder
from os2shell.executors.packages.tools import DRIVER
from os2shell.executors.sandbox import CachedFolder
from tests.house import Os2

WANTED = ("numpy", "pandas")


@dataclass(frozen=True)
class Installed:
    """A workspace and a home where the environment is active; ``folder`` is what runs mount."""

    os2: Os2
    folder: CachedFolder

    def copied(self, into: Path) -> Os2:
        """The same, to be used."""
        return Os2(
            shutil.copytree(self.os2.workspace, into / "work"),
            shutil.copytree(self.os2.home, into / "home"),
        )


@cache
def installed() -> Installed:
    """Install, if nobody did; skips by name where the index cannot be reached."""
    key = blake2b(f"{sys.version}{WANTED}".encode() + DRIVER.read_bytes(), digest_size=8)
    base = Path(gettempdir()) / f"os2shell-test-environment-{os.geteuid()}-{key.hexdigest()}"
    os2 = Os2(base / "work", base / "home")
    with _locked(base.with_suffix(".lock")):
        if not (base / "done").exists():
            shutil.rmtree(base, ignore_errors=True)
            os2.home.mkdir(parents=True)
            _install(os2)
            (base / "done").touch()
        (row,) = os2.json("envs", "--json")["environments"]
        tree = Digest(bytes.fromhex(row["tree"]))
        objects = FileObjects(os2.workspace / ".os2" / "ledger" / "objects")
        return Installed(os2, environment_folder(base / "cache", tree, objects))


def _install(os2: Os2) -> None:
    wheels = os2.workspace / "dist"
    words = ["download", "-q", "--only-binary", ":all:", "--dest", str(wheels), *WANTED]
    fetched = subprocess.run([sys.executable, "-m", "pip", *words], check=False)
    if fetched.returncode:
        pytest.skip("no index of packages can be reached")
    os2.run("pip", "install", "--no-index", "--find-links", "dist", *WANTED, seconds=300)
    shutil.rmtree(wheels)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
