"""The real ``os2``, run as a user would, for the tests of every room."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from os2shell.executors.sandbox.cgroup import places
from tests.nursery import Nursery

ROOT = Path(__file__).parents[1]
PACKAGES = str(ROOT)
DEFAULT_MANIFEST = ROOT / "manifests" / "default.toml"
GROUPS = ("cgroup-pids", "cgroup-memory")
ROOT_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
"""Interpreter images take seconds to make, so the tests share the user's own cache of them."""
IMAGES = Path(
    os.environ.get("OS2_IMAGES")
    or (Path("/var/cache") if os.geteuid() == 0 else ROOT_CACHE) / "os2shell" / "images"
)
"""Where ``os2`` keeps them when this user runs it."""


def interpreter() -> dict[str, str]:
    """The environment of every Python that runs ``os2``."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if key in {"PATH", "OS2_IMAGES"} or key.startswith("COVERAGE_")
    }
    return {**kept, "PYTHONPATH": PACKAGES, "PYTHONWARNINGS": "error"}


@cache
def nursery() -> Nursery:
    """The one of this test process; ``close_nursery`` ends it."""
    return Nursery(interpreter())


def close_nursery() -> None:
    if nursery.cache_info().currsize:
        nursery().close()
        nursery.cache_clear()


@dataclass
class Os2:
    """Runs ``python -m os2shell`` as a user would, in a workspace and a home of its own."""

    workspace: Path
    home: Path
    env: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        own = {
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(ROOT_CACHE),
            "OS2_ACTOR": "tester",
        }
        return {**interpreter(), **own, **self.env}

    def start(self, *words: str, **options: Any) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "os2shell", *words],
            cwd=self.workspace,
            env=self.environment(),
            stdin=options.pop("stdin", subprocess.DEVNULL),
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE),
            **options,
        )

    def run(
        self, *words: str, stdin: bytes = b"", code: int | None = 0, seconds: float = 120
    ) -> "Ran":
        """In a process of its own, forked where all is loaded; ``start`` starts a whole new one."""
        ran = Ran(*nursery().run(words, self.workspace, self.environment(), stdin, seconds))
        assert b"a defect of os2" not in ran.err, ran
        if code is not None:
            assert ran.code == code, ran
        return ran

    def json(self, *words: str, code: int | None = 0) -> Any:
        return json.loads(self.run(*words, code=code).out)

    def write(self, path: str, text: str) -> Path:
        target = self.workspace / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def records(self, *options: str) -> list[dict[str, Any]]:
        body = self.json("ledger", "log", "--limit", "100000", *options, "--json")
        found: list[dict[str, Any]] = body["records"]
        return found

    @property
    def segment(self) -> Path:
        return max((self.workspace / ".os2" / "ledger" / "segments").glob("*.seg"))


@dataclass(frozen=True)
class Ran:
    """How a run of ``os2`` ended."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def errors(self) -> str:
        return self.err.decode()


def strict(os2: Os2) -> str:
    """The manifest ``strict`` itself; without its control groups only where none can be made."""
    if set(GROUPS) <= {f"cgroup-{name}" for place in places() for name in place.controllers}:
        return "strict"
    text = DEFAULT_MANIFEST.with_name("strict.toml").read_text()
    groups = "".join(f', "{name}"' for name in GROUPS)
    assert groups in text
    path = os2.home / "strict.toml"
    path.write_text(text.replace(groups, ""))
    return str(path)
