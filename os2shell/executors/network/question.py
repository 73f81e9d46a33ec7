"""``net.exchange``: one HTTP exchange as data; and ``net.denied``: one that was not had.

Both are recorded: a replay answers them from the trace and never asks the network. What is compared
is everything that decides the answer: method, URL, headers, body, and what the grant adds. Secrets
are compared by their keyed digests (``secret``), or, under another key, by being there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from ledger import Json, encode
from os2shell.executors.network.secret import NO_KEY, Keyed, blind, has_secrets, is_secret
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism
from os2shell.policy.network import Origin, asked_word

Headers = tuple[tuple[str, str], ...]


def no_key() -> Keyed:
    """Where there is none."""
    return NO_KEY


@dataclass(frozen=True, slots=True)
class Terms:
    """What a grant and a program's own patience add to a question.

    Whether an address that is not the internet's may answer, whether cookies are handed on, who
    vouches (``blake3:…``; empty: the system's roots), the most bytes of the answer's body, the
    time for everything together, and the name of the credential that the broker adds (empty: none).
    """

    private: bool
    cookies: bool
    ca: str
    response_bytes: int
    time_ns: int
    credential: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Exchange:
    """Ask ``method`` ``target`` of ``origin``; the answer is an ``answer.Answer`` in plain form.

    ``target`` is path and query. ``content`` is the body's content (``model.content``).
    ``headers`` leave out what frames a message, which is the broker's to say. Nothing shows them:
    they hold secrets.
    """

    kind: ClassVar[str] = "net.exchange"
    needs: ClassVar[Capability] = Capability.NET_CONNECT
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    method: str
    origin: Origin
    target: str
    headers: Headers
    content: Json
    terms: Terms
    keyed: Callable[[], Keyed] = field(default=no_key, compare=False)
    asked_at: bytes = field(default=b"", compare=False)
    recorded: list[Json] = field(default_factory=list, compare=False)

    @property
    def url(self) -> str:
        """The URL as it may be shown and recorded."""
        url = self.origin.text + self.target
        return self.keyed().url(url) if has_secrets((), self.target) else url

    def body(self) -> Json:
        """The question without its secrets."""
        if self.recorded:
            return self.recorded[-1]
        terms = self.terms
        question: dict[str, Json] = {
            "method": self.method,
            "url": self.url,
            "headers": [[name, self._shown(name, value)] for name, value in self.headers],
            "body": self.content,
            "private": terms.private,
            "cookies": terms.cookies,
            "ca": terms.ca,
            "response_bytes": terms.response_bytes,
            "time_ns": terms.time_ns,
            "credential": terms.credential,
        }
        if has_secrets(self.headers, self.target):
            question["key"] = self.keyed().name
        return question

    def adopt(self, recorded: Json) -> None:
        """Be the recorded question, which ``same_question`` holds for this one.

        Its secrets stand there under a key that is not here, and a replay records what it asked.
        """
        self.recorded.append(recorded)

    def scope(self) -> str:
        """Method and origin, as grants of ``net.connect`` list them."""
        return asked_word(self.method, self.origin)

    def _shown(self, name: str, value: str) -> Json:
        return self.keyed().header(name, value) if is_secret(name) else value


@dataclass(frozen=True, slots=True)
class Refusal:
    """Note that a guest was refused: what it asked, by which rule, and what to do next.

    ``url`` is empty where what was asked cannot be read. Answered with None.
    """

    kind: ClassVar[str] = "net.denied"
    needs: ClassVar[Capability] = Capability.PROCESS_SPAWN
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    method: str
    url: str
    rule: str
    found: str
    remedy: str
    asked_at: bytes = field(default=b"", compare=False)

    def body(self) -> Json:
        """Everything but where it was asked."""
        return {
            "method": self.method,
            "url": self.url,
            "rule": self.rule,
            "what": self.found,
            "next": self.remedy,
        }

    def scope(self) -> str:
        """To be refused takes no power."""
        return ""


def same_question(recorded: Json, asked: Json) -> bool:
    """Whether two questions are the same; secrets under different keys cannot be compared."""
    if isinstance(recorded, dict) and isinstance(asked, dict):
        one, other = recorded.get("key"), asked.get("key")
        if one is not None and other is not None and one != other:
            recorded, asked = blind(recorded), blind(asked)
    return encode(recorded) == encode(asked)
