"""An exchange's answer: as it is recorded, as a guest gets it, and as a row for people.

Recorded is what the server said, but for cookies without a grant for them: these are bearer secrets
of a session, so their header is withheld, from the guest too, and named. A guest gets bytes that
any HTTP client reads: a head of the broker's own, framed by length, for a connection that closes.
Both follow from the record alone, so a replay gives the same bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ledger import Json, ObjectStore
from os2shell.executors.network.asked import FRAMING
from os2shell.executors.network.failure import ExchangeFailed, Failure
from os2shell.executors.network.question import Headers, Terms
from os2shell.executors.sandbox import wire
from os2shell.model.content import fetch, keep
from os2shell.model.errors import Broken
from os2shell.model.plain import from_json, to_json

if TYPE_CHECKING:  # it loads ssl and h11, which a replay needs nothing of
    from os2shell.executors.network.exchange import Reply

COOKIES = frozenset({"set-cookie", "set-cookie2"})
BODYLESS = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; ``headers`` are rows of name and value, ``body`` is content."""

    status: int
    reason: str
    headers: Json
    withheld: tuple[str, ...]
    body: Json
    peer: str
    tls: Json


@dataclass(frozen=True, slots=True)
class Failed:
    """That none came: ``failed`` is a ``Failure``; ``peer`` is empty where nobody was reached."""

    failed: str
    told: str
    peer: str


def recorded(reply: "Reply", terms: Terms, objects: ObjectStore) -> Json:
    """The plain form of what came; a long body becomes an object."""
    kept, withheld = [], []
    for name, value in reply.headers:
        if name.lower() in COOKIES and not terms.cookies:
            withheld.append(name)
        else:
            kept.append((name, value))
    return to_json(
        Answer(
            status=reply.status,
            reason=reply.reason,
            headers=[[name, value] for name, value in kept],
            withheld=tuple(withheld),
            body=keep(objects, reply.body),
            peer=reply.peer,
            tls=None if reply.tls is None else to_json(reply.tls),
        )
    )


def recorded_failure(error: ExchangeFailed) -> Json:
    """The plain form of an exchange that came to nothing."""
    return to_json(Failed(str(error.failure), error.told, error.peer))


def read_answer(body: Json) -> Answer | Failed:
    """An answer from its plain form; raises ``Broken``."""
    match body:
        case {"failed": str()}:
            return from_json(Failed, body)
        case {"status": int()}:
            return from_json(Answer, body)
        case _:
            raise Broken("an exchange's answer has no known form")


def for_guest(answer: Answer | Failed, method: str, objects: ObjectStore) -> bytes:
    """What the guest's runtime is told.

    Raises ``Broken`` or ``LedgerError`` where the recorded body is gone or another.
    """
    match answer:
        case Failed(Failure.ADDRESS, told, _):
            return denied("net.connect:address", told)
        case Failed(failed, told, _):
            return wire.pack(b"failed", failed.encode(), told.encode())
        case Answer():
            body = fetch(objects, answer.body)
            return wire.pack(b"answer", _head(answer, method, len(body)), body)


def denied(rule: str, told: str) -> bytes:
    """What the guest's runtime is told where it was refused."""
    return wire.pack(b"denied", rule.encode(), told.encode())


def _head(answer: Answer, method: str, size: int) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
    lines += [f"{name}: {value}" for name, value in _forwarded(answer, method)]
    if method != "HEAD" and answer.status not in BODYLESS:
        lines.append(f"Content-Length: {size}")
    lines += ["Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _forwarded(answer: Answer, method: str) -> Iterator[tuple[str, str]]:
    """The server's headers, without those that framed its own message."""
    for name, value in cast("Headers", answer.headers):
        of_one_hop = name.lower() in FRAMING or name.lower() == "upgrade"
        if not of_one_hop or (name.lower() == "content-length" and method == "HEAD"):
            yield name, value
