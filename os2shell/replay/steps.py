"""Steps of a recorded trace: questions and answers, and what the guest told of where it asked."""

from dataclasses import dataclass

from ledger import Json
from os2shell.executors.network.question import Exchange, Refusal
from os2shell.executors.terminal import ReadStdin
from os2shell.model.effect import Effect
from os2shell.model.errors import Unreadable
from os2shell.model.shown import question_told
from os2shell.model.stack import Stack
from os2shell.replay.compare import Difference, cut


@dataclass(frozen=True, slots=True)
class Step:
    """One question and its answer, with the questions asked meanwhile."""

    kind: str
    question: Json
    answer: Json
    nested: tuple["Step", ...]

    @classmethod
    def of(cls, body: Json) -> "Step":
        """Read a recorded step."""
        match body:
            case [str(kind), question, answer, nested]:
                return cls(kind, question, answer, steps_of(nested))
            case _:
                raise Unreadable("a recorded step has no known form")


def steps_of(body: Json) -> tuple[Step, ...]:
    """Read a recorded list of steps; raises ``Unreadable``."""
    if not isinstance(body, list):
        raise Unreadable("a recorded trace has no known form")
    return tuple(Step.of(item) for item in body)


def between(step: Step, kind: str, question: Json) -> Difference:
    """Both questions; of long ones only the fields that differ."""
    one, other = step.question, question
    if step.kind == kind and isinstance(one, dict) and isinstance(other, dict):
        keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
        one = {key: one[key] for key in keys if key in one}
        other = {key: other[key] for key in keys if key in other}
    return Difference("another question", told(step.kind, one), told(kind, other))


def told(kind: str, question: Json) -> str:
    """A question for people."""
    return cut(question_told([kind, question]))


def stack_of(effect: Effect) -> Stack:
    """Where the guest asked, by its own word; nowhere for a command's own questions."""
    if isinstance(effect, ReadStdin | Exchange | Refusal):
        return Stack.of(effect.asked_at)
    return Stack()
