"""An index of packages on loopback (PEP 503), wheels made for it, and a shell that may ask it."""

import base64
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from tests.house import DEFAULT_MANIFEST, Os2, Ran


def wheel(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, str | bytes],
    *,
    requires: tuple[str, ...] = (),
    scripts: Mapping[str, str] | None = None,
) -> Path:
    """A pure wheel (binary distribution format) in ``folder``."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    content: dict[str, bytes] = {
        path: data.encode() if isinstance(data, str) else data for path, data in files.items()
    }
    content[f"{info}/METADATA"] = (
        metadata + "".join(f"Requires-Dist: {need}\n" for need in requires)
    ).encode()
    content[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if scripts:
        lines = "".join(f"{script} = {point}\n" for script, point in scripts.items())
        content[f"{info}/entry_points.txt"] = f"[console_scripts]\n{lines}".encode()
    content[f"{info}/RECORD"] = _record(content, info)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for each, data in content.items():
            archive.writestr(zipfile.ZipInfo(each, (1980, 1, 1, 0, 0, 0)), data)
    return path


def _record(content: Mapping[str, bytes], info: str) -> bytes:
    rows = []
    for path, data in content.items():
        digest = base64.urlsafe_b64encode(sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(data)}")
    return "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()


@dataclass
class Index:
    """``python -m http.server`` over pages of links; ``asked`` is what it was asked."""

    folder: Path
    process: "subprocess.Popen[str]" = field(init=False)
    port: int = field(init=False)

    @classmethod
    def start(cls, folder: Path) -> Self:
        index = cls(folder)
        (folder / "files").mkdir(parents=True)
        with (folder / "asked.log").open("w") as log:
            index.process = subprocess.Popen(
                [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert index.process.stdout
        found = re.search(r"port (\d+)", index.process.stdout.readline())
        assert found
        index.port = int(found[1])
        return index

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/simple"

    @property
    def asked(self) -> str:
        return (self.folder / "asked.log").read_text()

    def offer(self, path: Path, *, digest: str | None = None) -> None:
        """Link ``path``, which lies in ``files``, from its project's page; ``digest`` may lie."""
        project = self.folder / "simple" / path.name.partition("-")[0]
        project.mkdir(parents=True, exist_ok=True)
        found = digest or sha256(path.read_bytes()).hexdigest()
        with (project / "index.html").open("a") as page:
            page.write(f'<a href="/files/{path.name}#sha256={found}">{path.name}</a><br>\n')

    def wheel(self, name: str, version: str, files: Mapping[str, str], **options: Any) -> Path:
        made = wheel(self.folder / "files", name, version, files, **options)
        self.offer(made)
        return made

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


@dataclass
class Shell:
    """A user whose shell may ask the index."""

    os2: Os2
    index: Index

    @classmethod
    def of(cls, os2: Os2, index: Index, *, more: str = "") -> Self:
        grant = f'"net.connect" = [{{ hosts = ["127.0.0.1"], schemes = ["http"], ports = [{index.port}], private = true }}]'
        text = DEFAULT_MANIFEST.read_text().replace('name = "default"', 'name = "indexed"')
        text = text.replace('"machine.probe" = ["*"]\n', f'"machine.probe" = ["*"]\n{grant}\n')
        path = os2.home / "indexed.toml"
        path.write_text(text + more)
        os2.env["OS2_MANIFEST"] = str(path)
        return cls(os2, index)

    def install(self, *words: str, code: int | None = 0) -> Ran:
        return self.os2.run("pip", "install", "--index-url", self.index.url, *words, code=code)

    def python(self, source: str, code: int | None = 0) -> str:
        return self.os2.run("python", "-c", source, code=code).text.strip()

    def listed(self) -> list[str]:
        return self.os2.run("pip", "freeze").text.split()

    def environments(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in self.os2.json("envs", "--json")["environments"]}

    def events(self) -> list[tuple[str, Any]]:
        """Those of the newest command that ended."""
        seq = self.os2.records("--kind", "command.*")[-1]["seq"]
        record = self.os2.json("ledger", "show", str(seq), "--json")
        return [(kind, body) for kind, body in record["attributes"]["events"]]

    def verdicts(self, *words: str, code: int | None = 0) -> list[tuple[str, str]]:
        body = self.os2.json("python-verify", "--json", *words, code=code)
        return [(row["command"], row["verdict"]) for row in body["sessions"]]
