"""What a run of Python leaves in the ledger, beside its trace. Sizes in bytes, times in ns."""

from dataclasses import dataclass, field
from typing import ClassVar

from ledger import Json
from os2shell.model.plain import ADDED, to_json


@dataclass(frozen=True, slots=True)
class SandboxCreated:
    """A sandbox stood: from which image, with which isolation layers really active.

    ``packages`` is the tree of the environment that it had.
    """

    kind: ClassVar[str] = "python_vm_sandbox_created"
    tier: str
    image: bytes
    interpreter: str
    layers: tuple[str, ...]
    packages: bytes | None = field(default=None, metadata=ADDED)

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


@dataclass(frozen=True, slots=True)
class Started:
    """A program was started on a workspace tree, in a world given by seed and clock."""

    kind: ClassVar[str] = "python_vm_start"
    entry: str
    target: str
    arguments: tuple[str, ...]
    tree: bytes
    seed: bytes
    clock_start_ns: int

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


@dataclass(frozen=True, slots=True)
class Streamed:
    """What the program wrote to one of its streams, as content."""

    kind: ClassVar[str] = "python_vm_stream"
    stream: str
    content: Json

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


@dataclass(frozen=True, slots=True)
class Completed:
    """How the program ended, and the workspace tree it left."""

    kind: ClassVar[str] = "python_vm_complete"
    code: int
    cause: str
    tree: bytes
    changes: Json

    def body(self) -> Json:
        """The canonical content; ``changes`` are ``[path, what]`` rows, cut at a named limit."""
        return to_json(self)


@dataclass(frozen=True, slots=True)
class SandboxReleased:
    """The sandbox is gone, and what the run used of the machine."""

    kind: ClassVar[str] = "python_vm_sandbox_released"
    usage: Json

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


@dataclass(frozen=True, slots=True)
class ImportsAllowed:
    """Modules that the program got: the first 64 names as they came, and how many in all."""

    kind: ClassVar[str] = "python_vm_import_allowed"
    names: tuple[str, ...]
    count: int

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


@dataclass(frozen=True, slots=True)
class ImportsDenied:
    """Modules that the program asked for and was refused, bounded as the allowed ones."""

    kind: ClassVar[str] = "python_vm_import_denied"
    names: tuple[str, ...]
    count: int

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


@dataclass(frozen=True, slots=True)
class ImportsPinned:
    """Workspace modules that were loaded by their digests: rows of name and digest."""

    kind: ClassVar[str] = "python_vm_import_pinned"
    modules: Json

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


@dataclass(frozen=True, slots=True)
class ExchangesCompleted:
    """Answers that the program got from the network: the first 16 rows, and how many in all.

    A row is method, URL, status, peer, and the size and digest of the body.
    """

    kind: ClassVar[str] = "net_exchange_completed"
    rows: Json
    count: int

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


@dataclass(frozen=True, slots=True)
class ExchangesFailed:
    """Exchanges that came to nothing, bounded likewise: method, URL, name of the failure, words."""

    kind: ClassVar[str] = "net_exchange_failed"
    rows: Json
    count: int

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


@dataclass(frozen=True, slots=True)
class ExchangesDenied:
    """Exchanges that the program was refused, bounded likewise: method, URL, rule, words."""

    kind: ClassVar[str] = "net_exchange_denied"
    rows: Json
    count: int

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


EVENTS = (
    SandboxCreated,
    Started,
    ImportsAllowed,
    ImportsDenied,
    ImportsPinned,
    ExchangesCompleted,
    ExchangesFailed,
    ExchangesDenied,
    Streamed,
    Completed,
    SandboxReleased,
)
