"""An invocation under way: what its command may touch, and the trace of what it asked.

Power is checked here a second time (the first is admission): the command declared it, and the
grant's scope covers this very path or program. The trace nests: questions that a guest program asks
while its run is performed are steps inside that run's step.

A step is ``[kind, question, answer, nested steps]``.
"""

from dataclasses import dataclass
from typing import Protocol, TypeVar

from ledger import Json, encode
from os2shell.kernel.spool import Spool
from os2shell.kernel.state import State
from os2shell.model.capability import Capability, TokenId
from os2shell.model.command import AnyCommand
from os2shell.model.effect import Effect, Stream, World
from os2shell.model.errors import Denied
from os2shell.model.fold import Fold
from os2shell.policy.checker import check_scope
from os2shell.policy.grants import POLICY

S = TypeVar("S")

OUTWARD = frozenset({Capability.NET_CONNECT})
"""Powers whose use others see. What is asked by them is spooled before it is done, and what came of
it at once: of a shell that died, the record must name what it may have done out there."""


class Display(Protocol):
    """Where a face shows what a guest writes, while it writes."""

    def show(self, stream: Stream, chunk: bytes, *, raw: bool) -> None:
        """Show ``chunk``; control sequences are escaped on a terminal unless ``raw``."""
        ...


class Dark:
    """A display for replay and tests: shows nothing."""

    def show(self, stream: Stream, chunk: bytes, *, raw: bool) -> None:
        """Drop ``chunk``."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who acts: a person's or a job's name, and the token whose grants count."""

    actor: str
    token: TokenId


class Invocation:
    """The ``Context`` of a command and the ``Transcript`` of its executors."""

    def __init__(
        self,
        command: AnyCommand,
        token: TokenId,
        state: State,
        world: World,
        display: Display,
        spool: Spool | None = None,
    ) -> None:
        """Begin with an empty trace; without ``spool`` nothing survives a kill."""
        self.steps: list[Json] = []
        self._level = self.steps
        self._command = command
        self._token = token
        self._state = state
        self._world = world
        self._display = display
        self._spool = spool

    @property
    def token(self) -> TokenId:
        """The token whose grants count."""
        return self._token

    def begin(self, effect: Effect) -> None:
        """Check the power; spool the question where others will see that it was asked."""
        self._check(effect)
        if self._spool and effect.needs in OUTWARD:
            self._spool.asked(encode([effect.kind, effect.body()]))

    def perform(self, effect: Effect) -> Json:
        """Check the power, perform, and remember question and answer."""
        self._check(effect)
        outer, nested = self._level, list[Json]()
        self._level = nested
        try:
            answer = self._world.perform(effect, self)
        finally:
            self._level = outer
        step: list[Json] = [effect.kind, effect.body(), answer, nested]
        outer.append(step)
        if self._spool and outer is self.steps:
            self._spool.step(encode(step))
        elif self._spool and effect.needs in OUTWARD:
            self._spool.nested(encode(step))
        return answer

    def allows(self, capability: Capability) -> bool:
        """Whether the token's grants name ``capability`` at all."""
        policy = self._state.view(POLICY)
        return policy is not None and capability in policy.grants.get(self._token, {})

    def view(self, fold: Fold[S]) -> S:
        """The current state of ``fold``."""
        return self._state.view(fold)

    def output(self, stream: Stream, chunk: bytes, *, raw: bool) -> None:
        """Spool first, show then: nothing that was seen can be missing from the record."""
        if self._spool:
            self._spool.output(stream, chunk)
        self._display.show(stream, chunk, raw=raw)

    def _check(self, effect: Effect) -> None:
        declared = self._command.needs | self._command.may
        if effect.needs not in declared:
            raise Denied(
                f"{self._command.name} did not declare {effect.needs}, which {effect.kind} takes",
                rule=f"undeclared:{effect.needs}",
                remedy="this is a defect of the command, not of your grants",
            )
        check_scope(self._state.view(POLICY), self._token, effect.needs, effect.scope())
