"""The trace world: the very question in its place, or the replay ends there."""

from typing import Any, cast

import pytest

from ledger import Json, MemoryObjects
from os2shell.executors.clock import ReadClock
from os2shell.executors.entropy import DrawEntropy
from os2shell.executors.terminal import ReadStdin
from os2shell.model.effect import Effect, Stream, Transcript
from os2shell.replay.steps import steps_of
from os2shell.replay.trace import TraceWorld
from os2shell.replay.verdict import Divergence, ReplayStopped, Verdict
from tests.replay.replay_room import IMAGE

CLOCK: list[Json] = ["clock.read", None, 17, []]
DRAWN: list[Json] = ["entropy.draw", {"size": 2}, b"ab", []]


class Silent:
    """A transcript nobody reads: the effects here are answered from the trace."""

    def output(self, stream: Stream, chunk: bytes, *, raw: bool) -> None:
        raise AssertionError("nothing was performed")

    def perform(self, effect: Effect) -> Json:
        raise AssertionError("nothing was performed")


class NoMachine:
    """A world in which performing anything is an error."""

    def perform(self, effect: Effect, transcript: Transcript) -> Json:
        raise AssertionError(f"{effect.kind} was performed")


def world(*steps: list[Json]) -> TraceWorld:
    return TraceWorld(steps_of(list(steps)), NoMachine(), lambda: IMAGE, MemoryObjects())


def stopped(playing: TraceWorld, effect: Effect | None) -> Divergence:
    with pytest.raises(ReplayStopped) as caught:
        playing.perform(effect, Silent()) if effect else playing.finish()
    assert caught.value.verdict is Verdict.DIVERGED
    return caught.value.divergence


def test_answers_come_from_the_trace_in_order() -> None:
    playing = world(CLOCK, DRAWN, CLOCK)
    asked: list[Effect] = [ReadClock(), DrawEntropy(2), ReadClock()]
    assert [playing.perform(effect, Silent()) for effect in asked] == [17, b"ab", 17]
    playing.finish()


def test_another_kind_of_question() -> None:
    playing = world(CLOCK, DRAWN)
    playing.perform(ReadClock(), Silent())
    found = stopped(playing, ReadStdin(2))
    assert (found.event, found.kind, found.what) == (1, "terminal.read", "another question")
    assert (found.expected, found.got) == ("entropy.draw size=2", "terminal.read size=2")
    assert found.last == "clock.read"


def test_the_same_kind_with_another_body() -> None:
    found = stopped(world(DRAWN), DrawEntropy(3))
    assert (found.event, found.expected, found.got) == (
        0,
        "entropy.draw size=2",
        "entropy.draw size=3",
    )
    assert found.last == "none"


def test_a_question_beyond_the_trace() -> None:
    playing = world(CLOCK)
    playing.perform(ReadClock(), Silent())
    found = stopped(playing, DrawEntropy(2))
    assert (found.event, found.what) == (1, "a question that was not recorded")
    assert (found.expected, found.got) == ("no more questions", "size=2")


def test_a_question_left_over() -> None:
    found = stopped(world(DRAWN), None)
    assert (found.kind, found.what) == ("entropy.draw", "a recorded question was not asked")
    assert (found.expected, found.got) == ("size=2", "the end of the command")


def test_order_counts() -> None:
    assert stopped(world(DRAWN, CLOCK), ReadClock()).event == 0


def test_a_stopped_replay_is_no_ordinary_error() -> None:
    """The engine records what ``Exception`` tells; a stop must pass it."""
    assert not issubclass(ReplayStopped, Exception)


def test_steps_nest() -> None:
    (step,) = steps_of([["a", None, 1, [["b", {"n": 2}, b"", cast("Any", [])]]]])
    assert [inner.question for inner in step.nested] == [{"n": 2}]
