"""The network as a program has it: whole HTTP requests, performed by the broker outside.

``http.client`` (and so ``urllib.request``) and ``urllib3`` (and so ``requests``) get connections that
collect one request, hand it to the host and give its answer. TLS is the broker's: what the program
writes to an https connection is plain here, for the host judges method and headers. Everything
else that would reach the internet is refused as the kernel refuses it, in words that name the way.
"""

# Stand-ins for untyped C functions, and foreign AST classes: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,explicit-override,type-arg,attr-defined,no-any-return"

import errno
import io
import sys

from .channel import Channel, fields_of
from .clock import named

_LENGTH_BYTES = 4
_PIECE_BYTES = 1 << 15
_HEAD_BYTES = 24 << 10
_DENIED = "denied"
_INSTEAD = (
    "a sandboxed program has no sockets to the internet; with the capability net.connect, "
    "http.client, urllib.request and requests reach the hosts that the manifest grants"
)
_CHILD = "a child process has no broker: let the first process of the program ask"
_FAILURES = {
    "time_limit": (TimeoutError, errno.ETIMEDOUT),
    "not_connected": (ConnectionRefusedError, errno.ECONNREFUSED),
    "closed_early": (ConnectionResetError, errno.ECONNRESET),
}


class Broker:
    """The host's ear; ``channel`` is None in a child process."""

    def __init__(self) -> None:
        self.channel: "Channel | None" = None

    def exchange(self, where, request, headers, body, timeout=None) -> "tuple[bytes, bytes]":
        """Head and body of the answer. ``where`` is scheme, host and port, ``request`` method and target.

        Raises PermissionError where it was refused, another OSError where it came to nothing.
        """
        channel = self.channel
        if channel is None or channel.cut:
            raise PermissionError(errno.EACCES, _CHILD)
        first = " ".join(("net.exchange", *map(str, where), str(_nanoseconds(timeout))))
        lines = [first, " ".join(request), *(f"{name}: {value}" for name, value in headers)]
        head = "\n".join(lines).encode("latin-1")
        if b"\0" in head or len(head) > _HEAD_BYTES:
            raise OSError(
                errno.EMSGSIZE, f"a request's head has at most {_HEAD_BYTES} bytes, and no NUL"
            )
        pieces = (body[at : at + _PIECE_BYTES] for at in range(0, len(body), _PIECE_BYTES))
        told = fields_of(memoryview(channel.ask(head, data=pieces))[_LENGTH_BYTES:])
        if told[0] == b"answer":
            return told[1], told[2]
        name, text = told[1].decode(), told[2].decode("utf-8", "replace")
        raise _error(told[0].decode(), name, text)


BROKER = Broker()


def _nanoseconds(timeout) -> int:
    """0 where the program has no wish."""
    if not isinstance(timeout, (int, float)) or timeout <= 0:
        return 0
    return min(int(timeout * 1_000_000_000), (1 << 63) - 1)


def _error(kind: str, name: str, text: str) -> OSError:
    if kind == _DENIED:
        return PermissionError(errno.EACCES, f"{text} (rule {name})")
    if name == "name_not_resolved":
        import socket

        return socket.gaierror(socket.EAI_NONAME, text)
    if name == "not_vouched_for":
        import ssl

        return ssl.SSLCertVerificationError(1, text)
    made, number = _FAILURES.get(name, (OSError, errno.EPROTO))
    return made(number, f"{text} ({name})")


class Connection:
    """What a client takes for a connected socket: one request goes in, its answer comes out."""

    def __init__(self, scheme: str, host: str, port: int, timeout=None) -> None:
        self._where = (scheme, host, port)
        self._timeout = timeout
        self._sent = bytearray()
        self._answer: "io.BytesIO | None" = None

    def sendall(self, data, flags=0, /):
        """Collect; once the request is whole, have it performed."""
        if self._answer is not None:
            raise BrokenPipeError(errno.EPIPE, "a connection of the broker serves one request")
        self._sent += memoryview(data).cast("B")
        request = _whole(self._sent)
        if request is not None:
            words, headers, body = request
            head, content = BROKER.exchange(self._where, words, headers, body, self._timeout)
            self._answer = io.BytesIO(head + content)

    def send(self, data, flags=0, /):
        """As ``sendall``; all is taken."""
        self.sendall(data)
        return memoryview(data).nbytes

    def _reading(self) -> io.BytesIO:
        if self._answer is None:
            raise ConnectionResetError(errno.ECONNRESET, "the request was not sent to its end")
        return self._answer

    def recv(self, size, flags=0, /):
        """What is left of the answer."""
        return self._reading().read(size)

    def recv_into(self, buffer, nbytes=0, flags=0, /):
        """As ``recv``."""
        view = memoryview(buffer).cast("B")
        return self._reading().readinto(view[:nbytes] if nbytes else view)

    def makefile(self, mode="r", buffering=None, **_options):
        """The answer as a file; what is written to others is not taken."""
        if mode not in ("r", "rb"):
            raise io.UnsupportedOperation("a connection of the broker is written by sendall")
        return io.BufferedReader(_Rest(self._reading()))

    def settimeout(self, value, /):
        """The longest the whole exchange may take, where the manifest allows as much."""
        self._timeout = value

    def gettimeout(self):
        """As it was set."""
        return self._timeout

    def setsockopt(self, *_options):
        """There is nothing to set."""

    def fileno(self):
        """There is none."""
        raise io.UnsupportedOperation("a connection of the broker has no descriptor")

    def shutdown(self, how, /):
        """Nothing more is read or written anyway."""

    def close(self):
        """Files made of it may still be read, as of a socket."""


class _Rest(io.RawIOBase):
    """The answer, which outlives the connection."""

    def __init__(self, answer: io.BytesIO) -> None:
        self._answer = answer

    def readable(self):
        """Always."""
        return True

    def readinto(self, buffer):
        """The next bytes."""
        return self._answer.readinto(buffer)


def _whole(sent: bytearray):
    """Method and target, headers and body, once they are all there; None before."""
    head, found, rest = bytes(sent).partition(b"\r\n\r\n")
    if not found:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, _, target = first.removesuffix(" HTTP/1.1").removesuffix(" HTTP/1.0").partition(" ")
    headers = [
        (name, value.strip(" \t")) for name, _, value in (line.partition(":") for line in lines)
    ]
    known = {name.lower(): value for name, value in headers}
    if known.get("transfer-encoding", "").lower() == "chunked":
        body = _unchunked(rest)
    else:
        length = known.get("content-length", "0")
        size = int(length) if length.isascii() and length.isdigit() else 0
        body = rest if len(rest) >= size else None
    return None if body is None else ((method, target), headers, body)


def _unchunked(rest: bytes):
    """The body that chunks carry, once the last is there (RFC 9112, section 7.1); None before."""
    body, at = bytearray(), 0
    while True:
        end = rest.find(b"\r\n", at)
        if end < 0:
            return None
        size = int(rest[at:end].partition(b";")[0], 16)
        start = end + 2
        if not size:
            return bytes(body) if rest.find(b"\r\n", start) >= 0 else None
        if len(rest) < start + size + 2:
            return None
        body += rest[start : start + size]
        at = start + size + 2


def install(channel: Channel) -> None:
    """Give the first process of a run its broker."""
    BROKER.channel = channel


def patch_http_client(module) -> None:
    """Connections of ``http.client``; subclasses that connect elsewhere (unix sockets) keep theirs."""
    _patch(module.HTTPConnection, "http", "http.client")
    if hasattr(module, "HTTPSConnection"):
        _patch(module.HTTPSConnection, "https", "http.client")


def patch_urllib3(module) -> None:
    """Connections of ``urllib3``, also of one that pip brings along: it would open sockets."""
    _patch(module.HTTPConnection, "http", module.__name__)
    if hasattr(module, "HTTPSConnection"):
        _patch(module.HTTPSConnection, "https", module.__name__)


def _patch(cls, scheme: str, home: str) -> None:
    def connect(self):
        """Have the broker connect, once there is a request."""
        if self._tunnel_host:
            raise PermissionError(
                errno.EACCES, "a proxy of the program's own: the broker is the only one"
            )
        sys.audit("http.client.connect", self, self.host, self.port)
        self.sock = Connection(scheme, self.host, self.port, _wish(self.timeout))
        if home != "http.client":
            self.is_verified = scheme == "https"
            self.proxy_is_verified = None

    cls.connect = named(connect, home, "connect")


def _wish(timeout):
    """A program's timeout; the sentinel of the libraries stands for the default."""
    if timeout is None or isinstance(timeout, (int, float)):
        return timeout
    import socket

    return socket.getdefaulttimeout()


def patch_socket(module) -> None:
    """The kernel's refusals, with the words that lead on; their numbers stay."""
    cls = module.socket
    real_init, real_look_up = cls.__init__, module.getaddrinfo

    def __init__(self, family=-1, type=-1, proto=-1, fileno=None):
        try:
            real_init(self, family, type, proto, fileno)
        except OSError as error:
            if error.errno == errno.ENETUNREACH:
                raise OSError(error.errno, f"{error.strerror}: {_INSTEAD}") from None
            raise

    def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
        try:
            return real_look_up(host, port, family, type, proto, flags)
        except module.gaierror as error:
            raise module.gaierror(error.errno, f"{error.strerror}: {_INSTEAD}") from None

    cls.__init__ = named(__init__, "socket", "__init__")
    module.getaddrinfo = named(getaddrinfo, "socket", "getaddrinfo")
