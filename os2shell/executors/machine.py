"""``machine.probe``: what this machine gives for what the shell needs."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ledger import Json
from os2shell.executors.guest import ImageSource
from os2shell.executors.sandbox import probe
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Transcript
from os2shell.model.errors import Os2Error
from os2shell.model.plain import to_json
from os2shell.policy.manifest import Manifest

OLDEST_PYTHON = (3, 11)


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
class ProbeMachine:
    """Ask what this machine gives; the answer is a list of ``Check``."""

    kind: ClassVar[str] = "machine.probe"
    needs: ClassVar[Capability] = Capability.MACHINE_PROBE
    determinism: ClassVar[Determinism] = Determinism.RECORDED

    def body(self) -> Json:
        """Nothing to choose."""
        return None

    def scope(self) -> str:
        """There is one machine."""
        return ""


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
            checks += [self._image(), self._layers()]
        checks.append(self._workspace_check())
        return [to_json(check) for check in checks]

    def _image(self) -> Check:
        try:
            image = self._images.image
        except Os2Error as error:
            return Check("interpreter image", error.found, error.remedy)
        return Check("interpreter image", f"Python {image.interpreter}, {image.digest[:16]}…")

    def _layers(self) -> Check:
        name = "isolation"
        try:
            with self._images.take_sandbox(
                self._manifest.limits, self._manifest.required_layers
            ) as sandbox:
                return Check(name, ", ".join(sandbox.layers))
        except Os2Error as error:
            return Check(name, error.found, error.remedy or "see the manifest's [isolation]")

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


def _bubblewrap() -> Check:
    found = probe()
    if found.works:
        return Check("bubblewrap", f"{found.version} at {found.bubblewrap}")
    return Check("bubblewrap", found.problem, found.remedy)
