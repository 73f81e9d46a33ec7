"""``machine.probe``: what this machine gives for what the shell needs."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ledger import Json, inner_loop
from os2shell.executors.guest import ImageSource
from os2shell.executors.sandbox import probe, remedy_for
from os2shell.model.capability import Capability
from os2shell.model.effect import Inquiry, Transcript
from os2shell.model.errors import Os2Error
from os2shell.model.plain import to_json
from os2shell.policy.manifest import Manifest
from os2shell.policy.network import scope_of

OLDEST_PYTHON = (3, 11)
_KINDS = {
    "namespaces": (
        "user-namespace",
        "mount-namespace",
        "pid-namespace",
        "network-namespace",
        "ipc-namespace",
        "uts-namespace",
        "cgroup-namespace",
    ),
    "privileges": ("no-new-privileges", "capabilities-dropped", "not-root", "userns-disabled"),
    "system calls": ("seccomp",),
    "landlock": ("landlock", "landlock-network", "landlock-scopes"),
    "kernel limits": ("rlimits", "aslr-off"),
    "control groups": ("cgroup-pids", "cgroup-memory", "cgroup-cpu"),
    "native code": ("native-net", "native-traps"),
}
"""The layers of isolation, as they are told."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing the shell needs: what was found, and the remedy where it lacks."""

    name: str
    found: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing lacks."""
        return not self.remedy


@dataclass(frozen=True, slots=True)
class ReadPython(Inquiry):
    """Ask which CPython runs have; the answer is its version, such as ``3.11.7``."""

    kind: ClassVar[str] = "machine.python"
    needs: ClassVar[Capability] = Capability.PROCESS_SPAWN


@dataclass(frozen=True, slots=True)
class ProbeMachine(Inquiry):
    """Ask what this machine gives; the answer is a list of ``Check``."""

    kind: ClassVar[str] = "machine.probe"
    needs: ClassVar[Capability] = Capability.MACHINE_PROBE


class MachineProber:
    """Looks at interpreter, bubblewrap, isolation layers, and the folders that must be writable."""

    def __init__(self, manifest: Manifest, images: ImageSource, workspace: Path) -> None:
        """Judge by what ``manifest`` requires."""
        self._manifest = manifest
        self._images = images
        self._workspace = workspace

    def perform(self, _effect: ProbeMachine, _transcript: Transcript) -> Json:
        """Try each thing for real."""
        checks = [_python(), _bubblewrap()]
        if checks[-1].ok:
            checks += [self._image(), *self._layers()]
        checks += [_git(), _inner_loop(), self._network_check(), self._workspace_check()]
        return [to_json(check) for check in checks]

    def _image(self) -> Check:
        try:
            image = self._images.image
        except Os2Error as error:
            return Check("interpreter image", error.found, error.remedy)
        return Check("interpreter image", f"Python {image.interpreter}, {image.digest[:16]}…")

    def _layers(self) -> list[Check]:
        """What a sandbox really got, by kind; what is missing lacks only where it is required."""
        try:
            with self._images.take_sandbox(self._manifest.limits, ()) as sandbox:
                given = sandbox.layers
        except Os2Error as error:
            return [Check("isolation", error.found, error.remedy or "see [isolation]")]
        required = self._manifest.required_layers
        return [self._kind(name, kind, given, required) for name, kind in _KINDS.items()]

    def _kind(
        self, name: str, kind: tuple[str, ...], given: tuple[str, ...], required: tuple[str, ...]
    ) -> Check:
        found = ", ".join(layer for layer in kind if layer in given)
        missing = [layer for layer in kind if layer not in given]
        if not missing:
            return Check(name, found)
        told = f"{found or 'none'}; without {', '.join(missing)}"
        if set(missing) & set(required):
            return Check(name, f"{told}, which the manifest requires", remedy_for(missing))
        return Check(name, f"{told}, which the manifest does not require: {remedy_for(missing)}")

    def _network_check(self) -> Check:
        """What the manifest grants, and whether somebody vouches for the internet's servers."""
        held = {token: self._manifest.network(token) for token in self._manifest.grants}
        grants = {token: network for token, network in held.items() if network is not None}
        told = [f"{token}: {network.told()}" for token, network in grants.items()]
        if not told:
            return Check("network", "no program has the network: nobody holds net.connect")
        scopes = [scope_of(word) for network in grants.values() for word in network.words]
        if any(each.origin.scheme == "https" and not each.ca for each in scopes) and not _roots():
            return Check(
                "network", "no root certificates", "apt install ca-certificates, or name a ca"
            )
        return Check("network", "; ".join(told))

    def _workspace_check(self) -> Check:
        if os.access(self._workspace, os.W_OK | os.X_OK):
            return Check("workspace", f"{self._workspace} can be written")
        return Check(
            "workspace", f"{self._workspace} cannot be written", "choose another folder with -C"
        )


def _python() -> Check:
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] >= OLDEST_PYTHON:
        return Check("python", found)
    return Check("python", found, "run os2 with Python 3.11 or newer")


def _git() -> Check:
    """The git that runs inside; without one only ``git`` is refused."""
    from os2shell.executors.git.tools import NO_GIT, git_version  # noqa: PLC0415 - looked at once

    try:
        return Check("git", f"git {git_version()}, for `os2 git`")
    except Os2Error as error:
        return Check("git", f"{error.found}, so `os2 git` is refused: {NO_GIT}")


def _inner_loop() -> Check:
    """How the ledger's inner loop runs; in Python it does the same, so nothing is lacking."""
    if inner_loop() is not None:
        return Check("ledger", "its inner loop is compiled")
    return Check(
        "ledger",
        "its inner loop runs in Python, which is slower: install a C compiler (apt install gcc "
        "libc6-dev), then os2shell again",
    )


def _roots() -> bool:
    """Whether this machine has certificates that vouch for servers."""
    import ssl  # noqa: PLC0415 - only who grants the network asks

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    folder = Path(ssl.get_default_verify_paths().openssl_capath)  # loaded when wanted
    return bool(context.get_ca_certs()) or (folder.is_dir() and any(folder.iterdir()))


def _bubblewrap() -> Check:
    found = probe()
    if found.works:
        return Check("bubblewrap", f"{found.version} at {found.bubblewrap}")
    return Check("bubblewrap", found.problem, found.remedy)
