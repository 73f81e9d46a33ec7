"""``guest.run``: a program in the sandbox, on a tree, in a world of recorded seed and clock.

The effect is pure: image, tree, seed, clock, arguments and the answers to the program's own
requests decide its result, so replay performs it again and compares. What cannot repeat (the time it
took) is kept apart in the answer, under ``usage``.
"""

from dataclasses import dataclass
from typing import ClassVar

from ledger import Digest, Json
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism
from os2shell.model.guest import EntryKind, Limits, Tier


@dataclass(frozen=True, slots=True)
class RunGuest:
    """Ask for one run. The answer is ``{"result", "achieved", "usage"}``.

    ``result`` is compared at replay: code, cause, stdout, stderr (content), tree, skipped.
    ``achieved`` says in what it ran: image digest, interpreter, isolation layers.
    """

    kind: ClassVar[str] = "guest.run"
    needs: ClassVar[Capability] = Capability.PROCESS_SPAWN
    determinism: ClassVar[Determinism] = Determinism.PURE
    program: str
    tier: Tier
    entry: EntryKind
    target: str
    arguments: tuple[str, ...]
    tree: Digest
    seed: bytes
    clock_start_ns: int
    limits: Limits
    imports: tuple[str, ...]
    layers: tuple[str, ...]
    raw: bool

    def body(self) -> Json:
        """Everything that decides the result."""
        return {
            "program": self.program,
            "tier": str(self.tier),
            "entry": str(self.entry),
            "target": self.target,
            "arguments": list(self.arguments),
            "tree": self.tree,
            "seed": self.seed,
            "clock_start_ns": self.clock_start_ns,
            "limits": self.limits.body(),
            "imports": list(self.imports),
            "layers": list(self.layers),
            "raw": self.raw,
        }

    def scope(self) -> str:
        """The program's name, as grants of ``process.spawn`` list it."""
        return self.program
