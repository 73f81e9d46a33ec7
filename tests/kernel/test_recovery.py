"""Recovery: what a dead shell left is recorded once; what a living one holds is left alone."""

from pathlib import Path

import pytest

from ledger import decode, encode
from os2shell.kernel.engine import Engine
from os2shell.kernel.intents import INTENTS, INTERRUPTED
from os2shell.kernel.recovery import Recovered, recover
from os2shell.kernel.spool import SessionLock, Spool, spool_path
from os2shell.kernel.state import State
from os2shell.model.command import Context, Outcome
from os2shell.model.content import fetch
from os2shell.model.effect import Effect, Stream, Transcript
from tests.kernel.engine_room import (
    FOLDS,
    TESTER,
    CountedLedger,
    Look,
    ScriptedWorld,
    Words,
    command,
    disk_ledger,
    engine_on,
    folded,
    looking,
    memory_ledger,
    of_kind,
    submit,
)

LONG = b"long " * 1000


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the house catches it."""


@pytest.fixture
def ledger() -> CountedLedger:
    return memory_ledger()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def outputs(_effect: Effect, transcript: Transcript) -> str:
    transcript.output(Stream.STDOUT, LONG, raw=False)
    transcript.output(Stream.STDERR, b"warned", raw=False)
    return "answer"


def die(ledger: CountedLedger, spool: Path) -> Engine:
    """A shell that is killed after one question; its lock goes as the kernel drops it."""

    def run(_words: Words, context: Context) -> Outcome:
        context.perform(Look("asked"))
        raise Killed

    engine = engine_on(ledger, ScriptedWorld(outputs), spool=spool)
    with pytest.raises(Killed):
        submit(engine, command(run))
    return engine


def boot(ledger: CountedLedger, spool: Path) -> tuple[Recovered, ...]:
    engine = Engine(ledger, folded(ledger), ScriptedWorld(), spool)
    return recover(engine, spool, TESTER)


def test_a_dead_intent_is_recorded_with_what_was_shown(ledger: CountedLedger, spool: Path) -> None:
    dead = die(ledger, spool)
    dead.close()
    (found,) = boot(ledger, spool)
    assert found.output_bytes == len(LONG) + len(b"warned")
    assert found.intent.command == "test"
    (record,) = of_kind(ledger, INTERRUPTED)
    assert record.session == dead.session == found.intent.session
    assert record.attributes["admitted"] == found.intent.seq
    assert (record.attributes["code"], record.attributes["cause"]) == (130, "shell died")
    assert fetch(ledger.objects, record.attributes["stdout"]) == LONG
    assert fetch(ledger.objects, record.attributes["stderr"]) == b"warned"
    steps = decode(fetch(ledger.objects, record.attributes["steps"]))
    assert steps == [encode(["test.look", {"path": "asked"}, "answer", []])]
    assert folded(ledger).view(INTENTS) == {}
    assert not list(spool.iterdir())


def test_recovery_happens_once(ledger: CountedLedger, spool: Path) -> None:
    die(ledger, spool).close()
    assert len(boot(ledger, spool)) == 1
    assert boot(ledger, spool) == ()
    assert ledger.groups[-1] == (INTERRUPTED,)


def test_several_dead_shells_are_recorded_in_one_append(ledger: CountedLedger, spool: Path) -> None:
    shells = [die(ledger, spool) for _ in range(3)]
    for shell in shells:
        shell.close()
    assert len(boot(ledger, spool)) == 3
    assert ledger.groups[-1] == (INTERRUPTED,) * 3
    sessions = [record.session for record in of_kind(ledger, INTERRUPTED)]
    assert sessions == [shell.session for shell in shells]


def test_a_held_session_is_left_alone(ledger: CountedLedger, spool: Path) -> None:
    living = die(ledger, spool)  # its lock is still held, so nobody may think it dead
    files = sorted(spool.iterdir())
    assert boot(ledger, spool) == ()
    assert sorted(spool.iterdir()) == files
    living.close()
    assert len(boot(ledger, spool)) == 1


def test_the_dead_are_recorded_while_others_live(ledger: CountedLedger, spool: Path) -> None:
    living, dead = die(ledger, spool), die(ledger, spool)
    dead.close()
    (found,) = boot(ledger, spool)
    assert found.intent.session == dead.session
    names = {path.name for path in spool.iterdir()}
    assert names == {f"{living.session}.lock", spool_path(spool, living.session, 2).name}
    living.close()


def test_a_living_shell_recovers_nobody_during_its_own_run(
    ledger: CountedLedger, spool: Path
) -> None:
    seen: list[tuple[Recovered, ...]] = []

    def run(_words: Words, context: Context) -> Outcome:
        context.perform(Look("asked"))
        seen.append(boot(ledger, spool))
        return Outcome()

    engine = engine_on(ledger, ScriptedWorld(outputs), spool=spool)
    submit(engine, command(run))
    engine.close()
    assert seen == [()]
    assert not list(of_kind(ledger, INTERRUPTED))


def test_a_crash_between_append_and_unlink_leaves_nothing(
    ledger: CountedLedger, spool: Path
) -> None:
    engine = engine_on(ledger, spool=spool)
    end = submit(engine, command(looking), "x")
    assert end.error is None
    left = Spool(spool, engine.session, 2)  # as if the end was appended and then the power failed
    left.output(Stream.STDOUT, b"recorded already")
    engine.close()
    assert boot(ledger, spool) == ()
    assert not list(spool.iterdir())
    assert not list(of_kind(ledger, INTERRUPTED))


def test_a_crash_in_recovery_itself_is_recovered(ledger: CountedLedger, spool: Path) -> None:
    """Appended, not yet unlinked: the intent is closed and the file goes at the next boot."""
    dead = die(ledger, spool)
    dead.close()
    saved = {path: path.read_bytes() for path in spool.glob("*.spool")}
    assert saved
    boot(ledger, spool)
    for path, data in saved.items():
        path.write_bytes(data)
    assert boot(ledger, spool) == ()
    assert not list(spool.iterdir())
    assert len(list(of_kind(ledger, INTERRUPTED))) == 1


def test_two_shells_that_boot_together_record_a_crash_once(
    ledger: CountedLedger, spool: Path
) -> None:
    die(ledger, spool).close()
    early = Engine(ledger, folded(ledger), ScriptedWorld(), spool)
    boot(ledger, spool)
    assert recover(early, spool, TESTER) == ()
    assert len(list(of_kind(ledger, INTERRUPTED))) == 1


def test_a_crash_without_a_spool_file_is_recorded_as_empty(
    ledger: CountedLedger, spool: Path
) -> None:
    dead = die(ledger, spool)
    spool_path(spool, dead.session, 2).unlink()
    dead.close()
    (found,) = boot(ledger, spool)
    assert found.output_bytes == 0


def test_a_fresh_state_folder_recovers_nothing(ledger: CountedLedger, spool: Path) -> None:
    engine = Engine(ledger, State(FOLDS), ScriptedWorld(), spool)
    assert recover(engine, spool, TESTER) == ()
    assert ledger.head.size == 0
    lock = SessionLock.take(spool, "s0")
    assert lock
    lock.release()


def test_a_lock_without_a_spool_is_swept(tmp_path: Path) -> None:
    """A shell that died before its first append leaves its session's lock file."""
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "s9.lock").touch()
    held = SessionLock.take(spool, "s5")
    assert held
    with disk_ledger(tmp_path / "ledger") as ledger:
        engine = engine_on(ledger, spool=spool)
        recover(engine, spool, TESTER)
    assert sorted(path.name for path in spool.iterdir()) == ["s5.lock"]
    held.release()
