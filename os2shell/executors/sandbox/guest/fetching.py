"""``net`` of the restricted tier: one function, and what it returns. No import of the real network.

``fetch(url)`` performs one exchange through the broker. A redirect is returned, not followed: the
program asks again, and that is judged again.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg"

from .broker import BROKER

_PORTS = {"https": 443, "http": 80}


class Response:
    """What a server answered: ``status``, ``headers`` (pairs of name and value), ``body`` (bytes)."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: tuple, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def header(self, name: str, default=None):
        """The first value of the header ``name``, in any case."""
        wanted = _exactly(name, str, "name").lower()
        for each, value in self.headers:
            if each.lower() == wanted:
                return value
        return default

    def text(self, encoding: str = "utf-8") -> str:
        """The body as text; what does not fit the encoding is replaced."""
        return self.body.decode(_exactly(encoding, str, "encoding"), "replace")

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"


def fetch(url, *, method="GET", headers=None, body=b"", timeout=None):
    """Ask ``url`` and wait for the answer; OSError where it was refused or did not come."""
    scheme, host, port, target = _parts(_exactly(url, str, "url"))
    pairs = []
    for name, value in ({} if headers is None else _exactly(headers, dict, "headers")).items():
        pairs.append(
            (_exactly(name, str, "a header's name"), _exactly(value, str, "a header's value"))
        )
    if timeout is not None and type(timeout) not in (int, float):
        raise TypeError("timeout must be a number of seconds")
    request = (_exactly(method, str, "method"), target)
    content = _exactly(body, bytes, "body")
    head, answer = BROKER.exchange((scheme, host, port), request, pairs, content, timeout)
    first, *lines = head.decode("latin-1").split("\r\n")
    rows = [line.partition(": ") for line in lines if line]
    return Response(
        int(first.split(" ")[1]), tuple((name, value) for name, _, value in rows), answer
    )


def _exactly(value, kind: type, what: str):
    """``value``, if it is of this very class: others would bring methods of their own."""
    if type(value) is not kind:
        raise TypeError(f"{what} must be a {kind.__name__}")
    return value


def _parts(url: str):
    scheme, colon, rest = url.partition("://")
    if not colon or scheme.lower() not in _PORTS:
        raise ValueError("a url begins with https:// or http://")
    rest = rest.partition("#")[0]
    cut = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    authority, target = rest[:cut], rest[cut:]
    if not target.startswith("/"):
        target = "/" + target
    host, port = authority, ""
    if authority.rpartition(":")[2].isdigit() and "]" not in authority.rpartition(":")[2]:
        host, _, port = authority.rpartition(":")
    return scheme.lower(), host, int(port or _PORTS[scheme.lower()]), target
