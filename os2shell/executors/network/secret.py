"""Secrets in a question: what stands in their place in a record, and where to look for them.

A secret is the value of a header whose name says so, or of such a parameter in a URL's query. In
what is recorded and compared its keyed digest (BLAKE3, keyed mode) stands for it. The key belongs
to one ledger and one user and lies outside every workspace: who is handed a ledger cannot try
passwords against it. A replay without that key compares everything but the values of secrets.

What a guest writes elsewhere (a body, a path, its own output, its source) is data, and recorded
whole; so is what a server answers, but for the cookies it sets (``question``).
"""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from blake3 import blake3

from ledger import Json, digest

KEY_BYTES = 32
ID_BYTES = 8
LOOKED_FOR_BYTES = 6
"""Shorter secrets are not looked for in answers: they would be found in every other one."""

_NAME = re.compile(
    r"auth|cookie|token|secret|passw|api-?key|credential|signature|session", re.IGNORECASE
)
_PARAMETER = re.compile(
    r"(?P<before>[?&](?:[a-z0-9_.-]*(?:token|secret|passw|api_?key|credential|signature|session)"
    r"[a-z0-9_.-]*|key|sig|auth)=)(?P<value>[^&]*)",
    re.IGNORECASE,
)


def is_secret(name: str) -> bool:
    """Whether the value of the header ``name`` is one."""
    return _NAME.search(name) is not None


@dataclass(frozen=True, slots=True, repr=False)
class Keyed:
    """The key that stands between secrets and records."""

    key: bytes

    @property
    def name(self) -> bytes:
        """Which key it is, telling nothing of it."""
        return digest(b"os2 network key " + self.key)[:ID_BYTES]

    def header(self, name: str, value: str) -> Json:
        """What is recorded of a secret header's value."""
        return {"keyed": self._digest(name.lower(), value)}

    def url(self, url: str) -> str:
        """``url`` with what stands for the secrets in its query."""

        def stand_in(found: re.Match[str]) -> str:
            return f"{found['before']}(keyed:{self._digest('query', found['value']).hex()})"

        return _PARAMETER.sub(stand_in, url)

    def _digest(self, place: str, value: str) -> bytes:
        data = place.encode() + b"\0" + value.encode("latin-1", "replace")
        return blake3(data, key=self.key).digest()


NO_KEY = Keyed(bytes(KEY_BYTES))
"""Of a replay where the ledger's own key is not: what it gives is never compared."""

_KEYED_TEXT = re.compile(r"\(keyed:[0-9a-f]{64}\)")


def has_secrets(headers: tuple[tuple[str, str], ...], target: str) -> bool:
    """Whether a question holds any."""
    return any(is_secret(name) for name, _ in headers) or _PARAMETER.search(target) is not None


def blind(question: Json) -> Json:
    """``question`` without what stands for its secrets, for who has another key."""
    match question:
        case {"keyed": bytes()}:
            return {"keyed": b""}
        case dict():
            return {name: blind(value) for name, value in question.items() if name != "key"}
        case list():
            return [blind(item) for item in question]
        case str():
            return _KEYED_TEXT.sub("(keyed)", question)
        case _:
            return question


def traces_of(headers: tuple[tuple[str, str], ...], target: str) -> Iterator[bytes]:
    """The secrets of a question in every form in which an answer might repeat them."""
    values = [value for name, value in headers if is_secret(name)]
    values += [found["value"] for found in _PARAMETER.finditer(target)]
    for value in values:
        for part in {value, value.rpartition(" ")[2], *_pairs(value), *_decoded(value)}:
            if len(part) >= LOOKED_FOR_BYTES:
                yield part.encode("latin-1", "replace")


def _pairs(value: str) -> Iterator[str]:
    """The values of cookies."""
    for pair in value.split(";"):
        yield pair.partition("=")[2].strip()


def _decoded(value: str) -> Iterator[str]:
    """User and password of the Basic scheme (RFC 7617), together and the password alone."""
    scheme, _, text = value.partition(" ")
    if scheme.lower() == "basic":
        try:
            plain = base64.b64decode(text, validate=True).decode("latin-1")
        except (binascii.Error, ValueError):
            return
        yield plain
        yield plain.partition(":")[2]
