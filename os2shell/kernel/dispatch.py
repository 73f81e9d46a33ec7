"""Dispatch: the one path from parsed arguments to records. Live and replay differ in the world.

Two appends and never more: the intent before anything is done, the end with everything that came of
it. Events ride inside the end, so one append is atomic. A failing command ends too; only a shell
that dies leaves an intent open, and that is how a crash is recognised.
"""

from dataclasses import dataclass
from typing import Any

from ledger import BodyTooLarge, Entry, Json, LedgerError, ObjectStore, encode
from os2shell.kernel.intents import ADMITTED, DENIED, FAILED, FINISHED
from os2shell.kernel.invocation import Identity, Invocation
from os2shell.model.command import AnyCommand, Outcome
from os2shell.model.content import TRACE_INLINE_BYTES, keep
from os2shell.model.errors import CannotStart, Denied, Os2Error, UsageError, from_ledger
from os2shell.model.plain import to_json

INTERRUPTED_CODE = 130
INTENT_LIMIT_BYTES = 24 * 1024
"""An intent is recorded twice, on admission and in the start event; both must fit a record."""


@dataclass(frozen=True, slots=True)
class Request:
    """A command with its parsed arguments and who asks."""

    command: AnyCommand
    arguments: Any  # an instance of ``command.arguments``
    identity: Identity

    def entry(self, session: str, kind: str, attributes: dict[str, Json]) -> Entry:
        """A ledger entry in the name of this request's identity."""
        return Entry(
            kind,
            attributes,
            session=session,
            actor=self.identity.actor,
            token=str(self.identity.token),
        )

    def intent(self) -> dict[str, Json]:
        """What is recorded of the request itself; raises ``UsageError`` where it is too long."""
        body: dict[str, Json] = {
            "command": self.command.name,
            "arguments": to_json(self.arguments),
        }
        size = len(encode(body))
        if size > INTENT_LIMIT_BYTES:
            raise UsageError(
                f"arguments of {size} bytes",
                expected=f"at most {INTENT_LIMIT_BYTES}",
                remedy="put the program or the data into a file",
            )
        return body


def admitted(request: Request, session: str) -> Entry:
    """The intent."""
    return request.entry(session, ADMITTED, request.intent())


def denied(request: Request, session: str, denial: Denied) -> Entry:
    """The refusal at admission: what was asked, which rule was missing, what to do next."""
    found: dict[str, Json] = {
        "what": denial.found,
        "rule": denial.rule,
        "next": denial.remedy,
    }
    return request.entry(session, DENIED, {**request.intent(), **found})


@dataclass(frozen=True, slots=True)
class End:
    """How an invocation ended: its record's kind and content, and what to hand to the face."""

    kind: str
    attributes: dict[str, Json]
    outcome: Outcome | None
    error: BaseException | None = None


def perform(request: Request, seq: int, invocation: Invocation, objects: ObjectStore) -> End:
    """Run the command admitted as ``seq``; whatever happens, there is an end to record."""
    command = request.command
    try:
        outcome = command.run(request.arguments, invocation)
        _check_events(command, outcome)
    except KeyboardInterrupt as error:
        return _failed(seq, invocation, objects, error, ("interrupted", INTERRUPTED_CODE))
    except Os2Error as error:
        cause = "denied" if isinstance(error, Denied) else type(error).__name__
        return _failed(seq, invocation, objects, error, (cause, error.exit_code))
    except LedgerError as error:
        told = from_ledger(error)
        return _failed(seq, invocation, objects, told, (type(error).__name__, told.exit_code))
    except OSError as error:
        stopped = CannotStart(
            f"{error.strerror or error} at {error.filename or 'the folder .os2'}",
            remedy="mend that, and try again",
        )
        return _failed(seq, invocation, objects, stopped, ("io", stopped.exit_code))
    except Exception as error:  # noqa: BLE001 — a defect ends on record too; the face reports it
        return _failed(seq, invocation, objects, error, ("internal", Os2Error.exit_code))
    attributes: dict[str, Json] = {
        "admitted": seq,
        "code": outcome.code,
        "cause": outcome.cause,
        "text": keep(objects, outcome.text.encode()),
        "events": [[event.kind, event.body()] for event in outcome.events],
        "trace": _trace(invocation, objects),
    }
    return End(FINISHED, attributes, outcome)


def without_spool(seq: int, error: OSError) -> End:
    """The end of what was admitted but could not begin: there is no file to spool into."""
    stopped = CannotStart(
        f"no spool file can be kept: {error.strerror}",
        expected="room and permission in .os2/spool",
    )
    attributes: dict[str, Json] = {
        "admitted": seq,
        "code": stopped.exit_code,
        "cause": "io",
        "message": str(stopped),
    }
    return End(FAILED, attributes, None, stopped)


def without_room(end: End, error: BodyTooLarge) -> End:
    """``end`` in a form that fits a record: what was done, without the events that do not fit."""
    attributes: dict[str, Json] = {
        "admitted": end.attributes["admitted"],
        "code": end.attributes["code"],
        "cause": "record too large",
        "message": str(error),
        "trace": end.attributes["trace"],
    }
    return End(FAILED, attributes, end.outcome, end.error)


def _check_events(command: AnyCommand, outcome: Outcome) -> None:
    for event in outcome.events:
        if type(event) not in command.emits:
            raise Denied(
                f"{command.name} did not declare the event {event.kind}",
                rule=f"undeclared:{event.kind}",
                remedy="this is a defect of the command, not of your grants",
            )


def _failed(
    seq: int,
    invocation: Invocation,
    objects: ObjectStore,
    error: BaseException,
    how: tuple[str, int],
) -> End:
    cause, code = how
    attributes: dict[str, Json] = {
        "admitted": seq,
        "code": code,
        "cause": cause,
        "message": str(error),
        "trace": _trace(invocation, objects),
    }
    if isinstance(error, Denied):
        attributes["rule"] = error.rule
    return End(FAILED, attributes, None, error)


def _trace(invocation: Invocation, objects: ObjectStore) -> Json:
    return keep(objects, encode(invocation.steps), inline=TRACE_INLINE_BYTES)
