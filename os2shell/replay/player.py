"""The player: submits a recorded invocation to a fresh engine and says how it came out."""

from dataclasses import dataclass

from ledger import Head, LedgerError, ObjectStore, decode
from os2shell.kernel.dispatch import Request
from os2shell.kernel.engine import Engine
from os2shell.kernel.intents import FAILED, FINISHED, INTERRUPTED
from os2shell.kernel.invocation import Identity
from os2shell.model.capability import TokenId
from os2shell.model.command import Catalogue
from os2shell.model.content import fetch
from os2shell.model.effect import World
from os2shell.model.errors import Broken, Os2Error, UnknownCommand, Unreadable
from os2shell.model.plain import from_json
from os2shell.policy.grants import POLICY
from os2shell.replay.engines import Differ, Equipment
from os2shell.replay.runs import RecordedRun
from os2shell.replay.steps import Step, steps_of
from os2shell.replay.trace import TraceWorld
from os2shell.replay.verdict import Divergence, ReplayImpossible, ReplayStopped, Verdict
from os2shell.replay.window import Window

REPEATABLE_FAILURES = frozenset({"denied", "UsageError"})
"""Causes of ``command.failed`` that follow from the trace; a full disk does not."""
_PRUNED = "the records before it were pruned, and no state image lies between"
_NO_MANIFEST = "it is not among the records; export the session from its ledger again"


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every replay needs: commands, something that performs pure effects, and objects.

    ``objects`` reads what was recorded and keeps what a replay makes apart from it. ``equipment``
    names what this machine performs runs with, and ``differ`` tells how a recorded one differs.
    """

    commands: Catalogue
    pure: World
    equipment: Equipment
    objects: ObjectStore
    differ: Differ | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """How one run came out."""

    run: RecordedRun
    verdict: Verdict
    divergence: Divergence | None = None


def replay_run(run: RecordedRun, workshop: Workshop) -> Finding:
    """Perform ``run`` again; raises only what is the machine's failure, not the record's."""
    try:
        return _replay(run, workshop)
    except ReplayStopped as stopped:
        return Finding(run, stopped.verdict, stopped.divergence)
    except ReplayImpossible as impossible:
        raise impossible.reason from None
    except (Broken, LedgerError) as error:
        return _finding(run, Verdict.TAMPERED, "an object of the recording", str(error))
    except (UnknownCommand, Unreadable) as error:
        return _finding(run, Verdict.UNSUPPORTED, "a recording of another version", str(error))


def trace_of(run: RecordedRun, objects: ObjectStore) -> tuple[Step, ...]:
    """The recorded steps of ``run``; ``Broken`` or ``LedgerError`` where they do not hold.

    A shell that died left no trace to replay, only what its spool held.
    """
    trace = run.ended.attributes.get("trace")
    return () if trace is None else steps_of(decode(fetch(objects, trace)))


def _replay(run: RecordedRun, workshop: Workshop) -> Finding:
    ended_by_machine = _ended_by_machine(run)
    if ended_by_machine is not None:
        return _finding(run, Verdict.RECORDED_ONLY, "a run without an end", ended_by_machine)
    if run.state is None:
        return _finding(run, Verdict.UNREADABLE, "the state it was admitted in", _PRUNED)
    if run.state.view(POLICY) is None:
        return _finding(run, Verdict.UNSUPPORTED, "the manifest that was in force", _NO_MANIFEST)
    command = workshop.commands.find(run.command)
    world = TraceWorld(
        trace_of(run, workshop.objects),
        workshop.pure,
        workshop.equipment,
        workshop.objects,
        workshop.differ,
    )
    head = Head(run.admitted.seq, run.admitted.digest, b"")
    engine = Engine(
        Window(head, (run.admitted, run.ended), workshop.objects), run.state.copy(), world
    )
    engine.join_session(run.admitted.session)
    identity = Identity(run.admitted.actor, TokenId(run.admitted.token))
    request = Request(command, from_json(command.arguments, run.arguments), identity)
    end = engine.submit(request)
    if end.error is not None and not isinstance(end.error, Os2Error):
        raise end.error
    world.finish()
    return Finding(run, Verdict.IDENTICAL)


def _ended_by_machine(run: RecordedRun) -> str | None:
    """Why the run has no result to compare: its shell died, or the machine failed it."""
    if run.ended.kind == INTERRUPTED:
        return "the shell died before the run ended"
    if run.ended.kind == FAILED and run.ended.attributes["cause"] not in REPEATABLE_FAILURES:
        return str(run.ended.attributes["message"])
    return None


def _finding(run: RecordedRun, verdict: Verdict, what: str, found: str) -> Finding:
    divergence = Divergence(0, run.ended.kind, what, FINISHED, found, "none", found)
    return Finding(run, verdict, divergence)
