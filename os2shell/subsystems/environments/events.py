"""What happens to environments, as facts. Trees and locks are digests of objects."""

from dataclasses import dataclass
from typing import ClassVar

from ledger import Json
from os2shell.model.plain import to_json

ROWS_MOST = 64
"""Of each list, how many rows an event names; the lock, an object, has them all."""


@dataclass(frozen=True, slots=True)
class EnvironmentCreated:
    """An environment exists from now on; ``tree`` and ``lock`` are None while it is empty."""

    kind: ClassVar[str] = "python_vm_env_created"
    name: str
    tree: bytes | None
    lock: bytes | None

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


@dataclass(frozen=True, slots=True)
class EnvironmentSelected:
    """Runs have this environment from now on; the empty name stands for none."""

    kind: ClassVar[str] = "python_vm_env_selected"
    name: str

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


@dataclass(frozen=True, slots=True)
class InstallPlanned:
    """What is to change in an environment: rows of name and version, and how many there are."""

    kind: ClassVar[str] = "pip_install_planned"
    environment: str
    arguments: tuple[str, ...]
    added: Json
    added_count: int
    removed: Json
    removed_count: int

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


@dataclass(frozen=True, slots=True)
class ArtifactsFetched:
    """Wheels that the environment had not: rows of file, SHA-256, size and object; and how many."""

    kind: ClassVar[str] = "pip_artifact_fetched"
    rows: Json
    count: int

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


@dataclass(frozen=True, slots=True)
class InstallCompleted:
    """An environment is another tree from now on, installed from ``lock`` and nothing else."""

    kind: ClassVar[str] = "pip_install_completed"
    environment: str
    lock: bytes
    tree: bytes
    packages: int

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


EVENTS = (
    EnvironmentCreated,
    EnvironmentSelected,
    InstallPlanned,
    ArtifactsFetched,
    InstallCompleted,
)
