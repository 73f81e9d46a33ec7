"""``file.read``: one file of the workspace as text, for commands that take a file of their own."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ledger import Json
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Transcript
from os2shell.model.errors import UsageError
from os2shell.model.plain import to_json

FILE_LIMIT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ReadFile:
    """Ask for the bytes of ``path``, relative to the workspace; the answer is the bytes."""

    kind: ClassVar[str] = "file.read"
    needs: ClassVar[Capability] = Capability.FS_READ
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    path: str

    def body(self) -> Json:
        """The path as it was named."""
        return to_json(self)

    def scope(self) -> str:
        """The path as grants name it."""
        return self.path


class FileReader:
    """Reads below one workspace."""

    def __init__(self, workspace: Path) -> None:
        """Paths are relative to ``workspace``."""
        self._workspace = workspace

    def perform(self, effect: ReadFile, _transcript: Transcript) -> Json:
        """Read it, or say what stands in the way."""
        path = self._workspace / effect.path
        try:
            if path.stat().st_size > FILE_LIMIT_BYTES:
                raise UsageError(
                    f"{effect.path} has {path.stat().st_size} bytes",
                    expected=f"at most {FILE_LIMIT_BYTES}",
                )
            return path.read_bytes()
        except FileNotFoundError:
            raise UsageError(f"no file {effect.path}", expected="a file of commands") from None
        except OSError as error:
            raise UsageError(f"{effect.path} cannot be read: {error.strerror}") from None
