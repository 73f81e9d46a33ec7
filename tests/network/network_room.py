"""Servers as processes, authorities of our own, and manifests that grant them to ``os2``."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.house import DEFAULT_MANIFEST, Os2, Ran

SERVER = Path(__file__).with_name("server.py")


@dataclass
class Served:
    """One server process on loopback; ``log`` has what it was asked."""

    process: "subprocess.Popen[bytes]"
    log: Path
    port: int
    scheme: str = "http"

    @classmethod
    def start(cls, folder: Path, *certificate: str) -> Self:
        log = folder / f"asked-{len(list(folder.iterdir()))}.log"
        process = subprocess.Popen(
            [sys.executable, str(SERVER), str(log), *certificate], stdout=subprocess.PIPE
        )
        assert process.stdout
        port = int(process.stdout.readline())
        return cls(process, log, port, "https" if certificate else "http")

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def asked(self) -> bytes:
        return self.log.read_bytes()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def certificate(folder: Path, host: str = "127.0.0.1", name: str = "own") -> tuple[str, str]:
    """A certificate that vouches for itself, and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "os2 test")])
    try:
        names: x509.GeneralName = x509.IPAddress(ip_address(host))
    except ValueError:
        names = x509.DNSName(host)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(pem), str(secret)


def table(**keys: Any) -> str:
    """One inline table of a grant."""
    return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in keys.items()) + " }"


def granted(server: Served, **keys: Any) -> str:
    """A grant for ``server``."""
    host = keys.pop("hosts", ["127.0.0.1"])
    return table(hosts=host, ports=[server.port], schemes=[server.scheme], **keys)


def write_manifest(
    path: Path, *grants: str, limits: str = "", imports: Sequence[str] = (), more: str = ""
) -> Path:
    """The default manifest, and the network."""
    text = DEFAULT_MANIFEST.read_text().replace('name = "default"', 'name = "connected"')
    line = f'"net.connect" = [{", ".join(grants)}]\n'
    text = text.replace('"machine.probe" = ["*"]\n', f'"machine.probe" = ["*"]\n{line}')
    for name in imports:
        text = text.replace('imports = [\n  "abc"', f'imports = [\n  "{name}", "abc"')
    if limits:
        text += f"\n[network]\n{limits}\n"
    path.write_text(text + more)
    return path


@dataclass
class Connected:
    """A user whose shell has the network."""

    os2: Os2
    folder: Path

    def grant(self, *grants: str, **options: Any) -> None:
        path = write_manifest(self.folder / "connected.toml", *grants, **options)
        self.os2.env["OS2_MANIFEST"] = str(path)

    def python(self, source: str, *words: str, **options: Any) -> Ran:
        self.os2.write("prog.py", source)
        return self.os2.run("python", "prog.py", *words, **options)

    def verdicts(self, *words: str, code: int | None = 0) -> list[dict[str, Any]]:
        body = self.os2.json("python-verify", "--json", *words, code=code)
        found: list[dict[str, Any]] = body["sessions"]
        return found

    def events(self) -> dict[str, Any]:
        """The newest run's events, by kind; the last of each."""
        ended = [
            self.os2.json("ledger", "show", str(record["seq"]), "--json")
            for record in self.os2.records("--kind", "command.finished")
        ]
        record = ended[-1]["record"] if "record" in ended[-1] else ended[-1]
        return dict(record["attributes"]["events"])
