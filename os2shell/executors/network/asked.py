"""What a guest asks of the broker, read strictly. Pure; what is read is hostile.

A question is ``net.exchange SCHEME HOST PORT TIMEOUT_NS`` (0: no wish), then lines ``METHOD
TARGET`` and ``Name: value``, each ended by one line feed. The broker writes its own request from
the parts, so nothing of a guest's bytes frames a message, chooses a host or adds a request behind
the one that was judged. What could bend that is refused by name: another Host, a target that is
not a path, a header that names another method, an upgrade.
"""

import re
from dataclasses import dataclass

from os2shell.executors.network.question import Headers
from os2shell.policy.network import METHODS, PORT_MOST, SCHEMES, Origin, canonical_host

VERB = b"net.exchange"
HEADERS_MOST = 128
TIME_DIGITS = 19
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_TARGET = re.compile(r"/[\x21\x22\x24-\x7e]*")  # a path and a query: no space, no fragment
_NUMBER = re.compile(r"[0-9]{1,19}")
_HOST = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>[0-9]{1,5}))?")

FRAMING = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
    }
)
"""Headers of one hop (RFC 9110, section 7.6.1): dropped, for the broker makes its own."""
OVERRIDES = frozenset({"x-http-method", "x-http-method-override", "x-method-override"})


@dataclass(frozen=True, slots=True, repr=False)
class Asked:
    """One question, read: all but its body. ``time_ns`` 0 is no wish."""

    method: str
    origin: Origin
    target: str
    headers: Headers
    time_ns: int


class Unfit(Exception):
    """What a guest asks is none of what a broker does; rule and text name it, quoting nothing."""

    def __init__(self, rule: str, found: str) -> None:
        """``rule`` is recorded with the prefix ``net.request:``."""
        super().__init__(found)
        self.rule = f"net.request:{rule}"
        self.found = found


def read_asked(words: bytes) -> Asked:
    """Read a question; raises ``Unfit``."""
    first, *lines = words.decode("latin-1").split("\n")
    match first.split(" "):
        case [_, scheme, host, port, time_ns] if lines:
            origin = _origin(scheme, host, port)
        case _:
            raise Unfit("form", "a request in no known form")
    method, _, target = lines[0].partition(" ")
    if method not in METHODS:
        raise Unfit("method", f"a method that is none of {', '.join(METHODS)}")
    if not _TARGET.fullmatch(target):
        raise Unfit("target", "a target that is not a path with a query")
    if not _NUMBER.fullmatch(time_ns):
        raise Unfit("form", "a time that is no number")
    return Asked(method, origin, target, _headers(lines[1:], origin), int(time_ns))


def _origin(scheme: str, host: str, port: str) -> Origin:
    if scheme not in SCHEMES:
        raise Unfit("scheme", "a scheme that is neither https nor http")
    if not _NUMBER.fullmatch(port) or not 0 < int(port) <= PORT_MOST:
        raise Unfit("port", f"a port that is not from 1 to {PORT_MOST}")
    try:
        return Origin(scheme, canonical_host(host), int(port))
    except ValueError as error:
        raise Unfit("host", f"a host that is none: {error}") from None


def _headers(lines: list[str], origin: Origin) -> Headers:
    if len(lines) > HEADERS_MOST:
        raise Unfit("headers", f"more than {HEADERS_MOST} headers")
    kept: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(":")
        value = value.strip(" \t")
        if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise Unfit("headers", "a header that is not one line of a name and a value")
        if _is_kept(name.lower(), value, origin):
            kept.append((name, value))
    return tuple(kept)


def _is_kept(name: str, value: str, origin: Origin) -> bool:
    """Whether the header is the guest's to say; raises ``Unfit`` where it would bend the scope."""
    if name == "host":
        if not _names(value, origin):
            raise Unfit("host-header", "a Host header that names another host than the URL")
        return False
    if name in OVERRIDES:
        raise Unfit("method-override", "a header that asks for another method than the request's")
    if name in {"upgrade", "expect"}:
        raise Unfit(name, f"the header {name}, which a broker of single exchanges cannot serve")
    return name not in FRAMING


def _names(value: str, origin: Origin) -> bool:
    """Whether a Host header names ``origin``, however it is written."""
    found = _HOST.fullmatch(value)
    if found is None:
        return False
    port = int(found["port"]) if found["port"] else SCHEMES[origin.scheme]
    try:
        return (canonical_host(found["host"]), port) == (origin.host, origin.port)
    except ValueError:
        return False
