"""What lies outside the sandbox for an attack to reach: files, listeners, a process, its secret.

Everything here is open to the guest's own uid on purpose, so that nothing but the sandbox holds an
attack back. States: made (``with``) → looked at after every attack (``touched``) → removed. What a
look finds is told once: the next attack starts from what it left.
"""

import hashlib
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from os2shell.executors.probes.granted import GrantedServer
from os2shell.executors.sandbox.bubblewrap import ENVIRONMENT, outer_identity

_FILES = (
    "canary",
    "state/ledger/segments/00000000.seg",
    "state/spool/session.spool",
    "keys/ledger.key",
)
_DROP = "drop"


class Surroundings:
    """One folder, four listeners, one granted server and one process. Use it with ``with``."""

    def __init__(self) -> None:
        """Make nothing yet."""
        self.secret = secrets.token_hex(16)
        self._stack = ExitStack()
        self._listeners: dict[str, socket.socket] = {}

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="os2-probe-"))
        self._stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
        try:
            self._make_files()
            self._listen()
            self._start_victim()
        except BaseException:
            self._stack.close()
            raise
        self._seen = self._fingerprint()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def words(self) -> tuple[str, ...]:
        """What an attack is told of all this, as ``name=value``; the secret is not among it."""
        return (
            *(f"{Path(name).name.split('.')[-1]}={self._folder / name}" for name in _FILES),
            f"drop={self._folder / _DROP}",
            f"granted={self.granted.port}",
            f"tcp={self._listeners['tcp'].getsockname()[1]}",
            f"udp={self._listeners['udp'].getsockname()[1]}",
            f"unix={self._folder / 'socket'}",
            f"abstract={self._abstract}",
            f"pid={self._victim.pid}",
            f"environment={','.join(name for name, _ in ENVIRONMENT)}",
        )

    def touched(self) -> list[str]:
        """What an attack changed or reached out here."""
        found = [f"the {name} listener was reached" for name in self._reached()]
        found += self.granted.misuses()
        now = self._fingerprint()
        changed = sorted(
            name for name in now.keys() | self._seen.keys() if now.get(name) != self._seen.get(name)
        )
        found += [f"{name or 'the folder'} outside was changed" for name in changed]
        self._seen = now
        if self._victim.poll() is not None:
            found.append("a process outside was ended")
            self._start_victim()
        return found

    def _make_files(self) -> None:
        self._folder.chmod(0o777)
        for name in _FILES:
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.secret)
            path.chmod(0o666)
        (self._folder / _DROP).mkdir()
        for folder in self._folder.rglob("*"):
            if folder.is_dir():
                folder.chmod(0o777)

    def _listen(self) -> None:
        self._abstract = f"os2-probe-{secrets.token_hex(4)}"
        wanted: dict[str, tuple[int, int, str | tuple[str, int]]] = {
            "tcp": (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            "udp": (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            "unix": (socket.AF_UNIX, socket.SOCK_STREAM, str(self._folder / "socket")),
            "abstract": (socket.AF_UNIX, socket.SOCK_STREAM, "\0" + self._abstract),
        }
        for name, (family, kind, address) in wanted.items():
            listener = self._stack.enter_context(socket.socket(family, kind))
            listener.bind(address)
            listener.setblocking(False)  # noqa: FBT003 - the C signature
            if kind == socket.SOCK_STREAM:
                listener.listen()
            self._listeners[name] = listener
        (self._folder / "socket").chmod(0o777)
        forbidden = int(self._listeners["tcp"].getsockname()[1])
        self.granted = self._stack.enter_context(GrantedServer(forbidden))

    def _reached(self) -> Iterator[str]:
        for name, listener in self._listeners.items():
            with suppress(BlockingIOError):
                if name == "udp":
                    listener.recvfrom(64)
                else:
                    listener.accept()[0].close()
                yield name

    def _start_victim(self) -> None:
        """A shell of the guest's own uid that waits, with the secret in memory and arguments."""
        identity = outer_identity()
        self._victim = self._stack.enter_context(
            subprocess.Popen(
                ["/bin/sh", "-c", "read line", "os2-probe", self.secret],
                stdin=subprocess.PIPE,
                env={"OS2_PROBE_SECRET": self.secret},
                user=identity,
                group=identity,
                extra_groups=None if identity is None else [],
            )
        )
        self._stack.callback(self._victim.kill)

    def _fingerprint(self) -> dict[str, str]:
        """Every path with kind, mode, link count and content; no times, which reading may move."""
        found = {"": str(self._folder.stat().st_mode)}
        for path in self._folder.rglob("*"):
            facts = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(facts.st_mode) else b""
            digest = hashlib.sha256(content).hexdigest()
            name = str(path.relative_to(self._folder))
            found[name] = f"{facts.st_mode} {facts.st_nlink} {digest}"
        return found
