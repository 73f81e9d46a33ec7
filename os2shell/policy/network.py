"""The scope of ``net.connect``: which exchanges a grant covers, as words, and how many. Pure.

A grant is recorded as words, one for each origin: ``GET,HEAD https://files.example.org:443``, then
its options: ``private`` (the name may lead to an address that is not the internet's), ``cookies``
(cookies that the server sets are handed on, and so recorded), ``ca=blake3:…`` (the authority that
vouches for this origin instead of the system's), ``credential=…`` (the broker adds a secret that
the user keeps under this name, and that no program sees). A host is a name, an address, or ``*.``
and a name of at least two labels, which covers every name below it and not that name. There is no
word for "anywhere".
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from socket import AF_INET, AF_INET6, inet_ntop

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
"""What can be granted. CONNECT and TRACE never are: one is a tunnel, the other echoes secrets."""
SCHEMES = {"https": 443, "http": 80}
"""Schemes and their own ports."""
PORT_MOST = 65_535
HOST_CHARACTERS = 253
SHOWN_ORIGINS = 8
IPV6 = 6
LEAST_LABELS = 2
"""A pattern names at least so many labels after its ``*.``: ``*.org`` would be half the world."""

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_TARGET = r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[^\s/:\[\]]+):(?P<port>[0-9]{1,5})"
_WORD = re.compile(rf"(?P<methods>[A-Z]+(?:,[A-Z]+)*) {_TARGET}(?P<options>(?: [a-z]\S*)*)")


@dataclass(frozen=True, slots=True)
class NetworkLimits:
    """How much of the network one run may have; ``requests`` counts what is refused too."""

    requests: int
    request_bytes: int
    response_bytes: int
    time_ns: int


DEFAULT_LIMITS = NetworkLimits(
    requests=100, request_bytes=4 << 20, response_bytes=16 << 20, time_ns=30_000_000_000
)
"""Where a manifest grants the network and says nothing of limits. Sizes are of one body."""


@dataclass(frozen=True, slots=True)
class Network:
    """What a run has of the network: the words of its token's grants, and limits."""

    words: tuple[str, ...]
    limits: NetworkLimits

    def told(self) -> str:
        """For people: the first grants, and how many more there are."""
        shown = "; ".join(scope_of(word).told() for word in self.words[:SHOWN_ORIGINS])
        more = len(self.words) - SHOWN_ORIGINS
        return (f"{shown}; and {more} more" if more > 0 else shown) or "nothing"


@dataclass(frozen=True, slots=True)
class Origin:
    """A scheme, a canonical host and a port; ``text`` names it, IPv6 addresses in brackets."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """Host and port as a Host header gives them: without the port that the scheme implies."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if SCHEMES[self.scheme] == self.port else f"{host}:{self.port}"

    @property
    def text(self) -> str:
        """Scheme, host and port, the port always."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Scope:
    """One word of a grant. ``origin.host`` may be a pattern."""

    methods: tuple[str, ...]
    origin: Origin
    private: bool = False
    cookies: bool = False
    ca: str = ""
    credential: str = ""

    @property
    def word(self) -> str:
        """The recorded form."""
        options = [name for name in ("private", "cookies") if getattr(self, name)]
        options += [f"ca={self.ca}"] if self.ca else []
        options += [f"credential={self.credential}"] if self.credential else []
        return " ".join([",".join(self.methods), self.origin.text, *options])

    def covers(self, method: str, origin: Origin) -> bool:
        """Whether ``method`` may be asked of ``origin``."""
        mine = self.origin
        same = (mine.scheme, mine.port) == (origin.scheme, origin.port)
        return same and method in self.methods and _covers_host(mine.host, origin.host)

    def told(self) -> str:
        """For people."""
        parts = [f"{', '.join(self.methods)} at {self.origin.text}"]
        parts += ["also where it is a private address"] if self.private else []
        parts += ["with its cookies"] if self.cookies else []
        parts += [f"vouched for by {self.ca[:19]}…"] if self.ca else []
        parts += [f"with the credential {self.credential}"] if self.credential else []
        return ", ".join(parts)


def scope_of(word: str) -> Scope:
    """Read a recorded word; raises ``ValueError`` where it is none."""
    found = _WORD.fullmatch(word)
    if found is None:
        raise ValueError(f"{word!r} is no word of a network grant")
    origin = Origin(found["scheme"], found["host"].strip("[]"), int(found["port"]))
    private = cookies = False
    ca = credential = ""
    for option in found["options"].split():
        match option.partition("="):
            case ("private", "", ""):
                private = True
            case ("cookies", "", ""):
                cookies = True
            case ("ca", "=", digest):
                ca = digest
            case ("credential", "=", name):
                credential = name
            case _:
                raise ValueError(f"{option!r} is no option of a network grant")
    return Scope(tuple(found["methods"].split(",")), origin, private, cookies, ca, credential)


def asked_word(method: str, origin: Origin) -> str:
    """What an exchange is judged by: its method and origin."""
    return f"{method} {origin.text}"


def covering(words: Iterable[str], method: str, origin: Origin) -> Scope | None:
    """The grant that covers it, one for that very host before one for a pattern."""
    found = [scope for scope in map(scope_of, words) if scope.covers(method, origin)]
    exact = [scope for scope in found if scope.origin.host == origin.host]
    return next(iter([*exact, *found]), None)


def covers(word: str, asked: str) -> bool:
    """Whether a grant's ``word`` covers ``asked``, as ``asked_word`` gives it."""
    question = scope_of(asked)
    return scope_of(word).covers(question.methods[0], question.origin)


def canonical_host(text: str) -> str:
    """A host in the one form it is compared in; raises ``ValueError`` where it is none.

    Names are lower case and in the form that goes over the wire (``xn--…``). Addresses are as
    inet_ntop writes them (versions of ``ipaddress`` differ); numbers that resolvers take for
    addresses (``127.1``, ``0x7f000001``) are no hosts, and neither are zones (``fe80::1%eth0``).
    """
    host = text.lower()
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        address = ip_address(bare)
    except ValueError:
        if bare != host or len(host) > HOST_CHARACTERS or not _NAME.fullmatch(host):
            raise ValueError("not a host's name or address") from None
        if _NUMBER.fullmatch(host.rpartition(".")[2]):
            raise ValueError("numbers that are no address in its usual form") from None
        return host
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise ValueError("an address with a zone")
    family = AF_INET6 if address.version == IPV6 else AF_INET
    return inet_ntop(family, address.packed)


def canonical_pattern(text: str) -> str:
    """A host, or ``*.`` and a name; raises ``ValueError``."""
    if not text.startswith("*."):
        return canonical_host(text)
    name = canonical_host(text[2:])
    if _is_address(name) or name.count(".") + 1 < LEAST_LABELS:
        raise ValueError(f"a pattern needs {LEAST_LABELS} labels after its *.")
    return f"*.{name}"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _covers_host(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and not _is_address(host)
    return pattern == host
