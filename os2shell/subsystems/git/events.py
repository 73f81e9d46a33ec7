"""What a run of git leaves in the ledger, beside its trace. Times in ns."""

from dataclasses import dataclass
from typing import ClassVar

from ledger import Json
from os2shell.model.plain import to_json
from os2shell.subsystems.python_vm.events import SandboxReleased


@dataclass(frozen=True, slots=True)
class GitStarted:
    """Git was started on a workspace tree: for whom, when, which git, in which layers."""

    kind: ClassVar[str] = "git_started"
    arguments: tuple[str, ...]
    folder: str
    tree: bytes
    clock_start_ns: int
    name: str
    email: str
    zone: str
    git: str
    tool: bytes
    image: bytes
    layers: tuple[str, ...]

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


@dataclass(frozen=True, slots=True)
class GitCompleted:
    """How git ended, what the repository points at, and what came of it in the workspace.

    ``repository`` is ``{folder, head, commit, tree, refs, refs_count, refs_digest}``: the first
    rows of name and object, how many in all, and a digest over all; None where there is none.
    ``brought`` says whether the workspace was changed; ``changes`` are ``[path, what]`` rows, cut
    at a named limit, and ``refused`` is what stood against it, by path. ``network`` are rows as in
    the events ``net_exchange_…``; ``stdout`` and ``stderr`` are content.
    """

    kind: ClassVar[str] = "git_completed"
    code: int
    cause: str
    repository: Json
    tree: bytes
    brought: bool
    changes: Json
    refused: tuple[str, ...]
    network: Json
    stdout: Json
    stderr: Json

    def body(self) -> Json:
        """The canonical content."""
        return to_json(self)


EVENTS = (GitStarted, GitCompleted, SandboxReleased)
