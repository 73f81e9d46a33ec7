"""``git.run``: one run of git as data; and ``git.user``: for whom it acts.

The run is pure: tree, instant, identity, words and the recorded answers of the network decide its
result. What a replay compares is the work, not git's bookkeeping: ``.git/index`` and the reflog
hold what a file system said, and standard error the progress of a transfer.
"""

from dataclasses import dataclass
from typing import ClassVar

from ledger import Digest, Json
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Inquiry
from os2shell.model.guest import Limits
from os2shell.model.plain import to_json
from os2shell.policy.network import Network

PROGRAM = "git"


@dataclass(frozen=True, slots=True)
class GitUser:
    """For whom git acts, where a repository does not say; empty where nobody said.

    ``branch`` is the name of a new repository's first one, ``zone`` the offset of dates from UTC,
    such as ``+0100``; ``progress`` whether somebody watches a terminal.
    """

    name: str
    email: str
    branch: str
    zone: str
    progress: bool


class ReadGitUser(Inquiry):
    """Ask for the user's own name and mail, as their git's global configuration has them.

    The answer is a ``GitUser`` in plain form.
    """

    kind: ClassVar[str] = "git.user"
    needs: ClassVar[Capability] = Capability.PROCESS_SPAWN

    def scope(self) -> str:  # type: ignore[explicit-override]  # typing.override needs 3.12
        """The program: who may not run git is refused before anything is captured."""
        return PROGRAM


@dataclass(frozen=True, slots=True)
class RunGit:
    """Ask for one run. The answer is ``{"result", "achieved", "usage"}``.

    ``result`` is compared at replay: code, cause, stdout (content), ``work`` (the tree without
    ``.git``), ``repository`` (``state.Repository``), ``refused`` (what may not leave, by name),
    skipped, and ``network`` where there was any; but for ``stderr`` and ``tree``, the whole.
    ``achieved`` says in what it ran: image, interpreter, isolation layers, git's version and the
    digest of its folder. ``folder`` is where the words say that the repository lies.
    """

    kind: ClassVar[str] = "git.run"
    needs: ClassVar[Capability] = Capability.PROCESS_SPAWN
    determinism: ClassVar[Determinism] = Determinism.PURE
    tool: ClassVar[str] = PROGRAM
    arguments: tuple[str, ...]
    folder: str
    tree: Digest
    clock_start_ns: int
    user: GitUser
    limits: Limits
    layers: tuple[str, ...]
    token_budget: int | None
    network: Network | None

    def body(self) -> Json:
        """Everything that decides the result."""
        return to_json(self)

    def scope(self) -> str:
        """The program's name, as grants of ``process.spawn`` list it."""
        return PROGRAM
