"""Witness processes and a small log, for the tests of witnesses."""

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ledger import Signer
from ledger.trust.cosignature import Algorithm, CosignerKey
from ledger.trust.merkle import EMPTY_ROOT, collect, consistency_proof, leaf_hash, root
from ledger.trust.note import Note, encode64
from ledger.witness.key_file import create_cosigner
from ledger.witness.request import AddCheckpoint

ROOT = Path(__file__).parents[2]


@dataclass
class Running:
    """A witness process."""

    process: "subprocess.Popen[str]"
    host: str
    port: int
    keys: tuple[CosignerKey, ...]

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/"

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", ""), answer.read()
        finally:
            connection.close()

    def add(self, request: AddCheckpoint) -> tuple[int, str, bytes]:
        return self.ask("POST", "/add-checkpoint", request.encode())

    def end(self) -> tuple[int, str]:
        """SIGTERM; the exit code and what was said on standard error."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said


Serve = Callable[..., Running]


def command(*words: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "ledger", "witness", *words]


def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k == "PATH" or k.startswith("COVERAGE_")}
    path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(path)}


@contextmanager
def serving(tmp_path: Path) -> Iterator[Serve]:
    """Starts witnesses; ends those that still run."""
    started: list[Running] = []

    def start(
        *logs: str,
        name: str = "w.example/1",
        store: str = "store",
        algorithm: Algorithm = Algorithm.ED25519,
    ) -> Running:
        key = tmp_path / f"{name.replace('/', '-')}.key"
        if not key.exists():
            create_cosigner(key, name, algorithm)
        words = ["serve", "--key", str(key), "--store", str(tmp_path / store)]
        words += ["--listen", "127.0.0.1:0", *(("--log", *logs) if logs else ())]
        process = subprocess.Popen(
            command(*words),
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        if not second:
            _, said = process.communicate(timeout=20)
            raise AssertionError(said)
        host, port = first.split("http://")[1].strip().rstrip("/").split(":")
        running = Running(process, host, int(port), (CosignerKey.parse(second.split()[1]),))
        started.append(running)
        return running

    try:
        yield start
    finally:
        for each in started:
            if each.process.poll() is None:
                each.end()
            for stream in (each.process.stdout, each.process.stderr):
                assert stream is not None
                stream.close()


class Growing:
    """A log in memory: leaves, signed heads, proofs."""

    def __init__(self, signer: Signer, salt: bytes = b"") -> None:
        self.signer = signer
        self.leaves = [leaf_hash(salt + bytes([n])) for n in range(64)]
        wanted = {(level, i) for level in range(7) for i in range(64 >> level)}
        self.nodes = collect(self.leaves, wanted)

    def note(self, size: int, extra: str = "") -> Note:
        found = root(self.leaves[:size]) if size else EMPTY_ROOT
        return self.signer.sign(f"{self.signer.name}\n{size}\n{encode64(found)}\n{extra}")

    def proof(self, old: int, size: int) -> tuple[bytes, ...]:
        return consistency_proof(old, size, lambda *at: self.nodes[at]) if old else ()

    def request(self, old: int, size: int) -> AddCheckpoint:
        return AddCheckpoint(old, self.proof(old, size), self.note(size))
