"""The desk: where one run's questions to the network are read, judged, counted and answered.

Live and replay go the same way; what differs is that a live run has a broker, which is asked ahead
(``begin``) so that nobody waits inside ``answer``. A refusal is a question of its own in the trace
(``net.denied``), so that a program that is refused otherwise than when it was recorded diverges.
Of a run that floods the desk only the requests that its limit counts are recorded; beyond, it is
refused in the same words, and the report counts how often.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import cast

from ledger import Json, ObjectStore
from os2shell.executors.network.answer import Answer, Failed, denied, for_guest, read_answer
from os2shell.executors.network.asked import VERB, Asked, Unfit, read_asked
from os2shell.executors.network.broker import Broker
from os2shell.executors.network.failure import Failure
from os2shell.executors.network.question import Exchange, Refusal, Terms, no_key
from os2shell.executors.network.secret import Keyed, has_secrets
from os2shell.executors.sandbox import ProtocolBroken
from os2shell.model.content import keep
from os2shell.model.effect import Transcript
from os2shell.model.errors import Denied
from os2shell.policy.network import DEFAULT_LIMITS, Network, covering

ROWS_MOST = 16
"""Of each kind, how many exchanges a run's report names; the trace has them all."""
SHOWN_CHARACTERS = 160
PATIENCE = 64
"""How many times its limit of bytes a body may go on before its program is ended."""
_LIMIT_REMEDY = "[network] requests in a manifest of your own may allow more"


@dataclass
class _Rows:
    """The first rows of one kind, and how many there were."""

    rows: list[Json] = field(default_factory=list)
    count: int = 0

    def add(self, *row: Json) -> None:
        self.count += 1
        if len(self.rows) < ROWS_MOST:
            self.rows.append([_cut(cell) for cell in row])

    def told(self) -> Json:
        return {"rows": self.rows, "count": self.count}


class Desk:
    """One run's. ``network`` None: the token has nothing of it, and everything is refused."""

    def __init__(
        self,
        transcript: Transcript,
        objects: ObjectStore,
        network: Network | None,
        broker: Broker | None = None,
        keyed: Callable[[], Keyed] = no_key,
    ) -> None:
        """Count from nothing; without ``broker`` every answer is there already, as at replay."""
        self._transcript = transcript
        self._objects = objects
        self._network = network or Network((), DEFAULT_LIMITS)
        self._broker = broker
        self._keyed = keyed
        self._body = bytearray()
        self._sent_bytes = 0
        self._asked: Exchange | Refusal | None = None
        self._requests = 0
        self._completed, self._failed, self._denied = _Rows(), _Rows(), _Rows()

    @staticmethod
    def serves(request: bytes) -> bool:
        """Whether ``request`` is one for this desk."""
        return request.startswith(VERB + b" ")

    def data(self, piece: bytes) -> None:
        """Take a piece of the next question's body; what is beyond the limit is dropped.

        The question is then refused by name. A program that never comes to it is ended: raises
        ``ProtocolBroken``.
        """
        most = self._network.limits.request_bytes
        self._sent_bytes += len(piece)
        if self._sent_bytes > PATIENCE * most:
            raise ProtocolBroken("a request's body without end", expected=f"at most {most} bytes")
        self._body += piece[: most + 1 - len(self._body)]

    def begin(self, request: bytes) -> int | None:
        """Read and judge; start what is allowed. The descriptor to wait for before ``answer``."""
        words, _, stack = request.partition(b"\0")
        body = bytes(self._body)
        self._body.clear()
        self._sent_bytes = 0
        self._abandon()
        self._asked = self._judged(words, stack, body)
        if self._broker is not None and isinstance(self._asked, Exchange):
            return self._broker.begin(self._asked)
        return None

    def answer(self) -> bytes:
        """Answer what ``begin`` has read."""
        match self._asked:
            case Exchange() as asked:
                answer = read_answer(self._transcript.perform(asked))
                told = for_guest(answer, asked.method, self._objects)
                self._note(asked, answer)
            case Refusal() as refusal:
                if self._requests <= self._network.limits.requests + 1:
                    self._transcript.perform(refusal)
                self._denied.add(refusal.method, refusal.url, refusal.rule, refusal.found)
                told = denied(refusal.rule, f"{refusal.found}; {refusal.remedy}")
            case _:
                raise ProtocolBroken("an answer to nothing that was asked")
        self._asked = None
        return told

    def close(self) -> None:
        """The run is over: what is under way is given up."""
        if self._broker is not None:
            self._broker.cancel()
        self._abandon()

    def report(self) -> dict[str, Json]:
        """What there was, as part of the run's result: nothing where nothing was asked."""
        if not self._requests:
            return {}
        parts = {"completed": self._completed, "failed": self._failed, "denied": self._denied}
        return {"network": {name: rows.told() for name, rows in parts.items() if rows.count}}

    def _abandon(self) -> None:
        """Nobody waits any more for what was asked: Ctrl-C, or the end of the run."""
        if isinstance(self._asked, Exchange):
            told = "given up before its answer came; whether it was done is not known"
            self._failed.add(self._asked.method, self._asked.url, "unanswered", told)
        self._asked = None

    def _judged(self, words: bytes, stack: bytes, body: bytes) -> Exchange | Refusal:
        self._requests += 1
        limits = self._network.limits
        refused = Refusal(
            "", "", "", "", "ask for one request with a path, by http or https", stack
        )
        try:
            asked = read_asked(words)
        except Unfit as unfit:
            return replace(refused, rule=unfit.rule, found=unfit.found)
        effect = self._effect(asked, stack)
        url = effect.origin.text + asked.target.partition("?")[0]  # a query may hold secrets
        refused = replace(refused, method=asked.method, url=url, remedy=_LIMIT_REMEDY)
        if self._requests > limits.requests:
            found = f"more than {limits.requests} requests in one run"
            return replace(refused, rule="network.requests", found=found)
        if len(body) > limits.request_bytes:
            found = f"a request's body of more than {limits.request_bytes} bytes"
            remedy = _LIMIT_REMEDY.replace("requests", "request_mib")
            return replace(refused, rule="network.request_mib", found=found, remedy=remedy)
        effect = replace(effect, content=keep(self._objects, body))
        try:
            self._transcript.begin(effect)
        except Denied as denial:
            return replace(refused, rule=denial.rule, found=denial.found, remedy=denial.remedy)
        return effect

    def _effect(self, asked: Asked, stack: bytes) -> Exchange:
        limits = self._network.limits
        scope = covering(self._network.words, asked.method, asked.origin)
        terms = Terms(
            private=scope is not None and scope.private,
            cookies=scope is not None and scope.cookies,
            ca="" if scope is None else scope.ca,
            response_bytes=limits.response_bytes,
            time_ns=min(asked.time_ns or limits.time_ns, limits.time_ns),
            credential="" if scope is None else scope.credential,
        )
        secret = has_secrets(asked.headers, asked.target)
        return Exchange(
            asked.method,
            asked.origin,
            asked.target,
            asked.headers,
            None,
            terms,
            self._keyed if secret else no_key,
            stack,
        )

    def _note(self, asked: Exchange, answer: Answer | Failed) -> None:
        url = cast("dict[str, Json]", asked.body())["url"]
        match answer:
            case Failed(Failure.ADDRESS, told, _):
                self._denied.add(asked.method, url, "net.connect:address", told)
            case Failed(failed, told, _):
                self._failed.add(asked.method, url, failed, told)
            case Answer():
                body = cast("dict[str, Json]", answer.body)
                self._completed.add(
                    asked.method,
                    url,
                    answer.status,
                    answer.peer,
                    body["size"],
                    body["digest"],
                )


def _cut(cell: Json) -> Json:
    if isinstance(cell, str) and len(cell) > SHOWN_CHARACTERS:
        return cell[: SHOWN_CHARACTERS - 1] + "…"
    return cell
