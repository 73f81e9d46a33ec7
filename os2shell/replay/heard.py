"""What a recorded run was told, told again to a run that is performed beside its replay.

For runs whose own questions decide nothing: one on changed inputs, or one that looks for a line.
Reads of standard input are answered by the recorded bytes in order, whatever their sizes; questions
to the network by the recorded answers, as long as they are the recorded questions. Nothing is asked
live.
"""

from collections.abc import Sequence
from typing import cast

from ledger import Json
from os2shell.executors.network.question import Exchange, Refusal, same_question
from os2shell.model.effect import Effect, Stream
from os2shell.model.errors import Denied, Os2Error
from os2shell.replay.steps import Step

NETWORK = frozenset({Exchange.kind, Refusal.kind})


class NotHeard(Os2Error):
    """The run asks the network what the recorded one did not; nobody has an answer."""

    def __init__(self, step: Step | None, effect: Effect) -> None:
        """``step`` is what it asked in this place when it was recorded."""
        super().__init__("the program asks the network something else than was recorded")
        self.step = step
        self.effect = effect


class Heard:
    """A world and a transcript, of recorded answers."""

    def __init__(self, steps: Sequence[Step]) -> None:
        """Begin at the first of the guest's own questions."""
        self._read = b"".join(step.answer for step in steps if isinstance(step.answer, bytes))
        self._network = [step for step in steps if step.kind in NETWORK]

    def output(self, stream: Stream, chunk: bytes, *, raw: bool) -> None:
        """Nobody listens."""

    def begin(self, effect: Effect) -> None:
        """Refuse what was refused: the recorded policy is in the recorded answer."""
        step = self._network[0] if self._network else None
        if step is not None and step.kind == Refusal.kind and isinstance(effect, Exchange):
            told = cast("dict[str, str]", step.question)
            raise Denied(told["what"], rule=told["rule"], remedy=told["next"])

    def perform(self, effect: Effect, _transcript: object = None) -> Json:
        """The next bytes, or the next answer; raises ``NotHeard``."""
        if effect.kind not in NETWORK:
            size = int(str(cast("dict[str, Json]", effect.body())["size"]))
            chunk, self._read = self._read[:size], self._read[size:]
            return chunk
        step = self._network.pop(0) if self._network else None
        if step is None or step.kind != effect.kind:
            raise NotHeard(step, effect)
        if not same_question(step.question, effect.body()):
            raise NotHeard(step, effect)
        return step.answer
