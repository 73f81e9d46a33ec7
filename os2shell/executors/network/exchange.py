"""One HTTP/1.1 exchange over a connection of its own (RFC 9112), by h11: strict, bounded, verified.

States: resolving → connecting → (TLS) → sent → head → body → done; any of them may end in
``ExchangeFailed``. One deadline bounds everything together, so a server that sends a byte a second
gains nothing. A redirect is an answer like any other: who wants to follow it asks again. Bytes
behind the answer, two framings at once and a body cut short are failures, never guessed about.
"""

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

import h11

from os2shell.executors.network.addresses import resolve
from os2shell.executors.network.failure import ExchangeFailed, Failure
from os2shell.executors.network.question import Exchange, Headers

HEAD_BYTES_MOST = 64 << 10
CHUNK_BYTES = 1 << 16
INTERIM_MOST = 8
"""Interim responses (1xx) that are read over before the answer must come."""
SECOND_NS = 1_000_000_000
LATIN = "latin-1"


@dataclass(frozen=True, slots=True)
class Tls:
    """What was agreed on, and the SHA-256 of the certificate (DER) that was shown."""

    version: str
    cipher: str
    certificate_sha256: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered, as it came; ``peer`` is the address that was connected to."""

    status: int
    reason: str
    headers: Headers
    body: bytes
    peer: str
    tls: Tls | None


class Clock:
    """What is left of an exchange's time."""

    def __init__(self, time_ns: int) -> None:
        """Begin now."""
        self._time_ns = time_ns
        self._end_ns = time.monotonic_ns() + time_ns

    def left(self) -> float:
        """Seconds; raises ``ExchangeFailed`` where none are left."""
        left = self._end_ns - time.monotonic_ns()
        if left <= 0:
            seconds = self._time_ns / SECOND_NS
            raise ExchangeFailed(Failure.TIME, f"no whole answer within {seconds:g} s")
        return left / SECOND_NS


def exchange(
    asked: Exchange,
    body: bytes,
    authority: bytes | None,
    opened: Callable[[socket.socket], None] = lambda _made: None,
) -> Reply:
    """Perform ``asked``; raises ``ExchangeFailed``.

    ``authority`` is the PEM of who vouches, None the system's roots; ``opened`` gets the
    connection, so that somebody else can shut it down.
    """
    clock = Clock(asked.terms.time_ns)
    made = _connected(asked, clock)
    peer = ""
    try:
        with made:
            peer = _peer(made)
            opened(made)
            stream, tls = _secured(made, asked, authority, clock)
            with stream:
                opened(stream)
                return _Talk(stream, asked, clock).reply(body, peer, tls)
    except ExchangeFailed as failed:
        raise ExchangeFailed(failed.failure, failed.told, peer) from None
    except TimeoutError:
        raise ExchangeFailed(
            Failure.TIME, f"no whole answer within {asked.terms.time_ns / SECOND_NS:g} s", peer
        ) from None
    except ssl.SSLCertVerificationError as error:
        told = f"{asked.origin.host} is not vouched for: {error.verify_message}"
        raise ExchangeFailed(Failure.TLS, told, peer) from None
    except ssl.SSLEOFError:
        raise ExchangeFailed(Failure.CLOSED, "the connection was cut", peer) from None
    except ssl.SSLError as error:
        raise ExchangeFailed(Failure.TLS, f"no TLS: {error.reason or error}", peer) from None
    except OSError as error:
        told = f"the connection broke: {error.strerror or error}"
        raise ExchangeFailed(Failure.CLOSED, told, peer) from None


def _connected(asked: Exchange, clock: Clock) -> socket.socket:
    """A connection to the first address that takes one."""
    addresses = resolve(asked.origin, private=asked.terms.private, seconds=clock.left())
    failed = "no address"
    for address in addresses:
        try:
            return socket.create_connection((address, asked.origin.port), timeout=clock.left())
        except TimeoutError:
            failed = f"{address} does not answer"
        except OSError as error:
            failed = f"{address}: {error.strerror or error}"
    raise ExchangeFailed(Failure.CONNECT, f"{asked.origin.text} cannot be reached ({failed})")


def _peer(made: socket.socket) -> str:
    host, port = made.getpeername()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _secured(
    made: socket.socket, asked: Exchange, authority: bytes | None, clock: Clock
) -> tuple[socket.socket, Tls | None]:
    """The connection under TLS where the scheme says so; always verified."""
    made.settimeout(clock.left())
    if asked.origin.scheme != "https":
        return made, None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and name; logs no keys
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if authority is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cadata=authority.decode("ascii", "replace"))
    stream = context.wrap_socket(
        made, server_hostname=asked.origin.host, suppress_ragged_eofs=False
    )
    shown = stream.getpeercert(binary_form=True) or b""
    cipher = stream.cipher()
    facts = Tls(stream.version() or "", cipher[0] if cipher else "", sha256(shown).digest())
    return stream, facts


class _Talk:
    """The messages of one exchange."""

    def __init__(self, stream: socket.socket, asked: Exchange, clock: Clock) -> None:
        self._stream = stream
        self._asked = asked
        self._clock = clock
        self._ended = False
        self._state = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES_MOST)

    def reply(self, body: bytes, peer: str, tls: Tls | None) -> Reply:
        """Send, and read the whole answer."""
        try:
            self._send(body)
            head = self._head()
            headers = tuple((_text(name), _text(value)) for name, value in head.headers.raw_items())
            _refuse_two_framings(headers)
            reason = head.reason.decode(LATIN)
            return Reply(head.status_code, reason, headers, self._body(), peer, tls)
        except h11.RemoteProtocolError as error:
            if self._ended:
                raise ExchangeFailed(Failure.CLOSED, "the answer was cut short") from None
            told = f"the answer is no HTTP/1.1: {error}"
            raise ExchangeFailed(Failure.MALFORMED, told) from None
        except h11.LocalProtocolError as error:  # asked.py lets nothing of the kind through
            raise ExchangeFailed(
                Failure.MALFORMED, f"the question is no HTTP/1.1: {error}"
            ) from None

    def _send(self, body: bytes) -> None:
        asked = self._asked
        framing = [("Host", asked.origin.authority), ("Connection", "close")]
        if body or asked.method in {"POST", "PUT", "PATCH"}:
            framing.append(("Content-Length", str(len(body))))
        headers = [(n.encode(LATIN), v.encode(LATIN)) for n, v in (*framing, *asked.headers)]
        request = h11.Request(method=asked.method, target=asked.target, headers=headers)
        events = (request, h11.Data(data=body), h11.EndOfMessage())
        data = b"".join(self._state.send(event) or b"" for event in events)
        self._stream.settimeout(self._clock.left())
        with suppress(
            BrokenPipeError, ConnectionResetError
        ):  # an answer may have come all the same
            self._stream.sendall(data)

    def _head(self) -> h11.Response:
        for _ in range(INTERIM_MOST):
            event = self._next()
            if isinstance(event, h11.Response):
                return event
        raise ExchangeFailed(Failure.MALFORMED, "one interim response after another")

    def _body(self) -> bytes:
        body = bytearray()
        most = self._asked.terms.response_bytes
        while not isinstance(event := self._next(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise ExchangeFailed(Failure.MALFORMED, "an answer that turns into something else")
            body += event.data
            if len(body) > most:
                raise ExchangeFailed(Failure.SIZE, f"a body of more than {most} bytes")
        if self._state.trailing_data[0]:
            raise ExchangeFailed(Failure.MALFORMED, "bytes behind the end of the answer")
        return bytes(body)

    def _next(self) -> h11.Event:
        while True:
            event = self._state.next_event()
            if event is h11.NEED_DATA:
                self._stream.settimeout(self._clock.left())
                data = self._stream.recv(CHUNK_BYTES)
                self._ended = not data
                self._state.receive_data(data)
            elif isinstance(event, h11.Event):
                return event
            else:
                raise ExchangeFailed(Failure.MALFORMED, "an answer that switches protocols")


def _refuse_two_framings(headers: Headers) -> None:
    """A length and chunks at once: two readers would see two bodies (RFC 9112, section 6.3)."""
    names = [name.lower() for name, _ in headers]
    if "transfer-encoding" in names and "content-length" in names:
        raise ExchangeFailed(Failure.MALFORMED, "an answer framed by length and by chunks at once")


def _text(data: bytes) -> str:
    return data.decode(LATIN)
