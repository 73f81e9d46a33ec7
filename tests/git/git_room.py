"""A real server of repositories, a user whose shell may reach it, and plain git to look with."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.house import Os2, Ran
from tests.network.network_room import table, write_manifest

SERVER = Path(__file__).with_name("server.py")
METHODS = ["GET", "POST"]


@dataclass
class Forge:
    """A server process over ``root``, which holds bare repositories."""

    root: Path
    log: Path
    process: "subprocess.Popen[bytes]"
    port: int
    scheme: str = "http"

    @classmethod
    def start(cls, folder: Path, *options: str) -> Self:
        root, log = folder / "repositories", folder / "asked.log"
        root.mkdir(exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, str(SERVER), str(root), str(log), *options], stdout=subprocess.PIPE
        )
        assert process.stdout
        port = int(process.stdout.readline())
        return cls(root, log, process, port, "https" if "--tls" in options else "http")

    def url(self, name: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/{name}"

    @property
    def asked(self) -> list[str]:
        return self.log.read_text().splitlines()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def plain(folder: Path, *words: str, data: bytes | None = None, code: int | None = 0) -> str:
    """Git itself, outside, with no configuration but an identity."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    for who in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{who}_NAME": "Seed", f"GIT_{who}_EMAIL": "seed@example.org"}
        environment[f"GIT_{who}_DATE"] = "@1700000000 +0000"
    said = subprocess.run(
        ["git", *words], cwd=folder, env=environment, input=data, capture_output=True, check=False
    )
    assert code is None or said.returncode == code, said
    return said.stdout.decode()


@dataclass
class Developer:
    """Works with ``os2 git`` in a workspace."""

    os2: Os2
    forge: Forge
    folder: Path
    seeds: list[str] = field(default_factory=list)

    def grant(self, *grants: str, **options: Any) -> None:
        path = write_manifest(self.folder / "connected.toml", *grants, **options)
        self.os2.env["OS2_MANIFEST"] = str(path)

    def grant_forge(self, **options: Any) -> None:
        keys: dict[str, Any] = {"hosts": ["127.0.0.1"], "ports": [self.forge.port]}
        keys |= options.pop("keys", {})
        self.grant(table(**keys, schemes=[self.forge.scheme], methods=METHODS), **options)

    def seed(self, name: str, files: Sequence[dict[str, str]] = ({"a.txt": "one\n"},)) -> Path:
        """A repository of the forge with a commit for each of ``files``; the working copy."""
        made = self.folder / f"seed-{name}"
        made.mkdir()
        plain(made, "init", "-q", "-b", "main")
        for number, content in enumerate(files, 1):
            for path, text in content.items():
                (made / path).parent.mkdir(parents=True, exist_ok=True)
                (made / path).write_text(text)
            plain(made, "add", "-f", ".")
            plain(made, "commit", "-q", "-m", f"commit {number}")
        self.publish(made, name)
        return made

    def publish(self, made: Path, name: str) -> None:
        plain(self.forge.root, "clone", "-q", "--bare", str(made), name)

    def git(self, *words: str, code: int | None = 0, **options: Any) -> Ran:
        return self.os2.run("git", *words, code=code, **options)

    def clone(self, name: str, *words: str) -> Path:
        self.git("clone", self.forge.url(name), *words)
        return self.os2.workspace / Path(name).stem

    def verdicts(self, code: int | None = 0) -> list[str]:
        body = self.os2.json("python-verify", "--json", code=code)
        return [run["verdict"] for run in body["sessions"]]

    def events(self) -> dict[str, Any]:
        """The newest run's events, by kind."""
        record = self.os2.records("--kind", "command.finished")[-1]
        shown = self.os2.json("ledger", "show", str(record["seq"]), "--json")
        return dict(shown.get("record", shown)["attributes"]["events"])


def everything(folder: Path) -> dict[str, bytes]:
    """Every file below ``folder`` by name, without the shell's own."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".os2" not in path.parts
    }
