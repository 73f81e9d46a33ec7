"""The engine: intent first, then the end; whatever happens, it is on record."""

import errno
import shutil
from pathlib import Path

import pytest

from ledger import DamagedError, DurabilityError, MemoryObjects, decode
from os2shell.kernel.dispatch import Request
from os2shell.kernel.engine import KERNEL_FOLDS as FOLDS
from os2shell.kernel.engine import look
from os2shell.kernel.intents import ADMITTED, DENIED, FAILED, FINISHED, INTENTS, SESSION_OPENED
from os2shell.kernel.state import State
from os2shell.model.capability import Capability
from os2shell.model.command import Context, Outcome, Recording
from os2shell.model.content import fetch
from os2shell.model.effect import Effect, Stream, Transcript
from os2shell.model.errors import CannotStart, Denied, UsageError
from os2shell.policy.grants import MANIFEST_LOADED, POLICY
from tests.kernel.engine_room import (
    NO_GRANTS,
    TESTER,
    CountedLedger,
    Look,
    Noted,
    ScriptedWorld,
    Shown,
    Words,
    command,
    engine_on,
    folded,
    kinds,
    looking,
    manifest,
    memory_ledger,
    of_kind,
    raising,
    submit,
)


@pytest.fixture
def ledger() -> CountedLedger:
    return memory_ledger()


def test_intent_then_end_in_two_appends(ledger: CountedLedger) -> None:
    engine = engine_on(ledger)
    end = submit(engine, command(looking), "here")
    assert ledger.groups == [(MANIFEST_LOADED, SESSION_OPENED, ADMITTED), (FINISHED,)]
    submit(engine, command(looking), "there")
    assert ledger.groups[2:] == [(ADMITTED,), (FINISHED,)]
    assert end.outcome
    assert end.outcome.text == "HERE"
    admitted, finished = list(ledger.read())[2:4]
    assert admitted.attributes == {"command": "test", "arguments": {"text": "here"}}
    assert finished.attributes["admitted"] == admitted.seq
    assert fetch(ledger.objects, finished.attributes["text"]) == b"HERE"
    trace = decode(fetch(ledger.objects, finished.attributes["trace"]))
    assert trace == [["test.look", {"path": "here"}, "HERE", []]]


def test_nothing_is_performed_before_the_intent_is_recorded(ledger: CountedLedger) -> None:
    recorded: list[list[str]] = []

    def answer(_effect: Effect, _transcript: Transcript) -> None:
        recorded.append(kinds(ledger))

    engine = engine_on(ledger, ScriptedWorld(answer))
    submit(engine, command(looking), "x")
    assert [found[-1] for found in recorded] == [ADMITTED]
    assert engine.state.view(INTENTS) == {}


def test_a_session_is_named_after_its_own_record(ledger: CountedLedger) -> None:
    first = engine_on(ledger)
    submit(first, command(looking))
    second = engine_on(ledger)
    submit(second, command(looking))
    opened = list(of_kind(ledger, SESSION_OPENED))
    assert [record.session for record in opened] == [f"s{record.seq}" for record in opened]
    assert [first.session, second.session] == [record.session for record in opened]
    assert {record.actor for record in ledger.read()} == {"tester"}


def test_a_manifest_is_recorded_only_when_it_changed(ledger: CountedLedger) -> None:
    submit(engine_on(ledger), command(looking))
    submit(engine_on(ledger), command(looking))
    assert ledger.groups[2] == (SESSION_OPENED, ADMITTED)
    submit(engine_on(ledger, policy=manifest(name="other")), command(looking))
    assert ledger.groups[4] == (MANIFEST_LOADED, SESSION_OPENED, ADMITTED)
    policy = folded(ledger).view(POLICY)
    assert policy
    assert policy.name == "other"


def test_denied_at_admission_is_recorded_and_raised(ledger: CountedLedger) -> None:
    world = ScriptedWorld()
    engine = engine_on(ledger, world, manifest(NO_GRANTS))
    with pytest.raises(Denied) as caught:
        submit(engine, command(looking), "secret")
    assert caught.value.rule == "fs.read"
    assert ledger.groups == [(MANIFEST_LOADED, SESSION_OPENED, DENIED)]
    (denied,) = of_kind(ledger, DENIED)
    assert denied.attributes["rule"] == "fs.read"
    assert denied.attributes["arguments"] == {"text": "secret"}
    assert "grant" in str(denied.attributes["next"])
    assert not world.asked
    assert engine.state.view(INTENTS) == {}
    with pytest.raises(Denied):
        submit(engine, command(looking))
    assert ledger.groups[1:] == [(DENIED,)]


def test_an_undeclared_effect_is_a_recorded_failure(ledger: CountedLedger) -> None:
    world = ScriptedWorld()
    end = submit(engine_on(ledger, world), command(looking, needs=frozenset()), "x")
    (failed,) = of_kind(ledger, FAILED)
    assert (failed.attributes["cause"], failed.attributes["code"]) == ("denied", 126)
    assert failed.attributes["rule"] == "undeclared:fs.read"
    assert isinstance(end.error, Denied)
    assert not world.asked


def test_an_undeclared_event_is_a_recorded_failure(ledger: CountedLedger) -> None:
    def run(words: Words, context: Context) -> Outcome:
        return Outcome(events=(Noted(words.text),))

    submit(engine_on(ledger), command(run), "x")
    (failed,) = of_kind(ledger, FAILED)
    assert failed.attributes["rule"] == "undeclared:test_noted"
    assert "events" not in failed.attributes
    submit(engine_on(ledger), command(run, emits=(Noted,)), "kept")
    (finished,) = of_kind(ledger, FINISHED)
    assert finished.attributes["events"] == [["test_noted", {"note": "kept"}]]


def test_a_scope_is_checked_when_the_effect_is_performed(ledger: CountedLedger) -> None:
    world = ScriptedWorld()
    engine = engine_on(ledger, world, manifest({Capability.FS_READ: ("data/*",)}))
    submit(engine, command(looking), "data/a.csv")
    end = submit(engine, command(looking), "secret.txt")
    assert (end.attributes["cause"], end.attributes["code"]) == ("denied", 126)
    assert end.attributes["rule"] == "fs.read:secret.txt"
    assert world.asked == [Look("data/a.csv")]


@pytest.mark.parametrize(
    ("error", "cause", "code"),
    [
        (UsageError("words"), "UsageError", 2),
        (CannotStart("no room"), "CannotStart", 125),
        (RuntimeError("a defect"), "internal", 3),
        (KeyboardInterrupt(), "interrupted", 130),
        (DamagedError(3, "a bad frame"), "DamagedError", 1),
        (DurabilityError("no sync"), "DurabilityError", 125),
        (OSError(errno.ENOSPC, "No space left on device", "f"), "io", 125),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_every_failure_ends_on_record(
    ledger: CountedLedger, error: BaseException, cause: str, code: int
) -> None:
    engine = engine_on(ledger)
    end = submit(engine, raising(error))
    assert kinds(ledger)[-2:] == [ADMITTED, FAILED]
    (failed,) = of_kind(ledger, FAILED)
    assert (failed.attributes["cause"], failed.attributes["code"]) == (cause, code)
    assert end.attributes == failed.attributes
    assert end.error is not None
    assert end.outcome is None
    trace = decode(fetch(ledger.objects, failed.attributes["trace"]))
    assert trace == [["test.look", {"path": "asked"}, "ASKED", []]]
    assert engine.state.view(INTENTS) == {}
    submit(engine, command(looking), "goes on")
    assert kinds(ledger)[-1] == FINISHED


def test_an_end_with_large_events_is_recorded(ledger: CountedLedger) -> None:
    """A deed that was done must end on record; its admission alone says too little."""

    def run(words: Words, context: Context) -> Outcome:
        return Outcome(events=(Noted(words.text * 5),))

    engine = engine_on(ledger)
    submit(engine, command(run, emits=(Noted,)), "long " * 4000)
    assert engine.state.view(INTENTS) == {}


def test_a_spool_that_cannot_be_had_ends_on_record(ledger: CountedLedger, tmp_path: Path) -> None:
    engine = engine_on(ledger, spool=tmp_path / "spool")
    submit(engine, command(looking))
    shutil.rmtree(tmp_path / "spool")
    submit(engine, command(looking))
    assert engine.state.view(INTENTS) == {}


def test_the_power_of_a_look_is_checked_all_the_same() -> None:
    asked = command(looking, recording=Recording.LOOK)
    request = Request(asked, Words("x"), TESTER)
    state, objects = State(FOLDS), MemoryObjects()
    state.assume(0, POLICY, manifest())
    end = look(request, state, ScriptedWorld(), Shown(), objects)
    assert end.outcome
    assert end.outcome.text == "X"
    state.assume(0, POLICY, manifest(NO_GRANTS))
    with pytest.raises(Denied):
        look(request, state, ScriptedWorld(), Shown(), objects)


def test_nested_questions_and_output_reach_trace_and_display(ledger: CountedLedger) -> None:
    def answer(effect: Effect, transcript: Transcript) -> str:
        if effect.scope() != "outer":
            return "inner answer"
        transcript.output(Stream.STDOUT, b"shown", raw=False)
        return f"with {transcript.perform(Look('inner'))}"

    shown = Shown()
    submit(engine_on(ledger, ScriptedWorld(answer)), command(looking), "outer", shown)
    (finished,) = of_kind(ledger, FINISHED)
    assert decode(fetch(ledger.objects, finished.attributes["trace"])) == [
        [
            "test.look",
            {"path": "outer"},
            "with inner answer",
            [["test.look", {"path": "inner"}, "inner answer", []]],
        ]
    ]
    assert [chunk for _, chunk in shown.chunks] == [b"shown"]


def test_a_revocation_by_another_shell_counts_at_once(ledger: CountedLedger) -> None:
    first = engine_on(ledger)
    submit(first, command(looking))
    second = engine_on(ledger, policy=manifest(NO_GRANTS, "none"))
    with pytest.raises(Denied):
        submit(second, command(looking))
    with pytest.raises(Denied):
        submit(first, command(looking))
    assert [record.session for record in of_kind(ledger, DENIED)] == [second.session, first.session]


def test_a_revocation_while_a_session_is_being_opened_counts(ledger: CountedLedger) -> None:
    """The plan was made under the old manifest; the record says which one was in force."""
    waiting = engine_on(ledger)
    with pytest.raises(Denied):
        submit(engine_on(ledger, policy=manifest(NO_GRANTS, "none")), command(looking))
    submit(waiting, command(looking))
    assert ledger.groups[-2] == (MANIFEST_LOADED, SESSION_OPENED, ADMITTED)


def test_replayed_folding_gives_the_live_state(ledger: CountedLedger) -> None:
    engine = engine_on(ledger)
    for turn in range(5):
        submit(engine, command(looking), str(turn))
    assert folded(ledger).dump() == engine.state.dump()
