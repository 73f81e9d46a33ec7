"""Recovery: an admitted command without an end, whose shell is gone, is recorded as interrupted.

What the dead shell had shown and asked lies in its spool and goes into the record. The order is
append first, unlink then: a crash in between leaves a spool file without an open intent, which the
next boot sweeps away. Sessions that are held by a living shell are left alone.
"""

from dataclasses import dataclass
from pathlib import Path

from ledger import Entry, Json, ObjectStore, decode, encode
from os2shell.kernel.engine import Engine
from os2shell.kernel.intents import INTENTS, INTERRUPTED, Intent
from os2shell.kernel.invocation import Identity
from os2shell.kernel.spool import SessionLock, read_remains, spool_path
from os2shell.kernel.state import State
from os2shell.model.content import keep


@dataclass(frozen=True, slots=True)
class Recovered:
    """One crash that was found: which intent, and how much of its output was saved.

    ``unanswered`` is what it was asking others when it died, ``[kind, question]``: whether that was
    done, nobody here knows.
    """

    intent: Intent
    output_bytes: int
    unanswered: Json = None


def recover(engine: Engine, spool: Path, identity: Identity) -> tuple[Recovered, ...]:
    """Record every dead intent as interrupted, in one append."""
    engine.catch_up()
    if not engine.state.view(INTENTS):
        _sweep(spool)
        return ()
    found: list[Recovered] = []
    held: dict[str, SessionLock] = {}

    def build(state: State) -> list[Entry]:
        found.clear()
        entries: list[Entry] = []
        for intent in state.view(INTENTS).values():
            if intent.session == engine.session or not _dead(spool, intent.session, held):
                continue
            body, size, asked = _body(intent, spool, engine.objects)
            found.append(Recovered(intent, size, asked))
            entries.append(_entry(intent, body, identity))
        return entries

    try:
        engine.record(build)
    finally:
        for lock in held.values():
            lock.release()
    _sweep(spool)
    return tuple(found)


def _dead(spool: Path, session: str, held: dict[str, SessionLock]) -> bool:
    """Whether nobody holds ``session``; we hold it from now on, so that only one shell recovers."""
    if session not in held:
        lock = SessionLock.take(spool, session)
        if lock is None:
            return False
        held[session] = lock
    return True


def _body(intent: Intent, spool: Path, objects: ObjectStore) -> tuple[dict[str, Json], int, Json]:
    remains = read_remains(spool_path(spool, intent.session, intent.seq))
    body: dict[str, Json] = {
        "admitted": intent.seq,
        "code": 130,
        "cause": "shell died",
        "stdout": keep(objects, remains.stdout),
        "stderr": keep(objects, remains.stderr),
        "steps": keep(objects, encode(list(remains.steps))),
    }
    if remains.nested:
        body["nested"] = keep(objects, encode([decode(step) for step in remains.nested]))
    asked = None
    if remains.unanswered is not None:
        body["unanswered"] = keep(objects, remains.unanswered)
        asked = decode(remains.unanswered)
    return body, len(remains.stdout) + len(remains.stderr), asked


def _entry(intent: Intent, body: dict[str, Json], identity: Identity) -> Entry:
    return Entry(
        INTERRUPTED,
        body,
        session=intent.session,
        actor=identity.actor,
        token=str(identity.token),
    )


def _sweep(spool: Path) -> None:
    """Remove what dead sessions left; a living shell looks after its own.

    A lock file without a spool is left by a shell that died before its first append or after its
    last; taking the lock and giving it up removes it.
    """
    left = {path.stem.rpartition("-")[0] for path in spool.glob("*.spool")}
    for session in left | {path.stem for path in spool.glob("*.lock")}:
        lock = SessionLock.take(spool, session)
        if lock:
            for path in spool.glob(f"{session}-*.spool"):
                path.unlink(missing_ok=True)
            lock.release()
