"""The HTTP face of a witness, C2SP tlog-witness: one WSGI application under ``waitress``.

``POST /add-checkpoint`` and, for monitors, ``GET /<origin hash>/checkpoint``. Everything else is
404 or 405. A witness that cannot work answers 500, and has to be started again; one that only finds
no room for a head answers 507, and goes on when there is room. Life: the socket is bound first, so
that a taken port is an error before anything is announced; then requests run on a few threads;
SIGTERM or SIGINT end it after the requests that run.

Limits: a body beyond ``MAX_REQUEST_BYTES`` is 413 before it is read into memory; connections are
counted, and closed when nothing came for ``SILENCE_SECONDS``. Whoever sends one byte at a
time can still hold connections: on the open Internet a witness belongs behind a proxy, which
brings TLS too.
"""

import logging
import re
import signal
import socket
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Final, NamedTuple
from wsgiref.types import StartResponse, WSGIEnvironment

from ledger.errors import HeadConflict, LedgerError, RefusedHead, WitnessError, WitnessFull
from ledger.witness.request import MAX_REQUEST_BYTES
from ledger.witness.service import WitnessService

THREADS: Final = 8
CONNECTIONS: Final = 200
SILENCE_SECONDS: Final = 20
_CLEANUP_SECONDS: Final = 5
_ROUND_SECONDS: Final = 1
_LAST_PORT: Final = 65535
_PHRASES: Final = {
    200: "200 OK",
    400: "400 Bad Request",
    403: "403 Forbidden",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    409: "409 Conflict",
    413: "413 Content Too Large",
    422: "422 Unprocessable Entity",
    500: "500 Internal Server Error",
    507: "507 Insufficient Storage",
}
_NO_ROOM: Final = b"the witness has no room to remember this head; nothing was cosigned\n"
_TEXT: Final = "text/plain; charset=utf-8"
_SIZE: Final = "text/x.tlog.size"
_MONITORED: Final = re.compile(r"/([0-9a-f]{64})/checkpoint")


class _Answer(NamedTuple):
    status: int
    body: bytes
    kind: str = _TEXT
    allow: str = ""


class WitnessApplication:
    """Requests in, answers out; ``report`` gets what the operator must know."""

    def __init__(self, service: WitnessService, report: Callable[[str], None]) -> None:
        """Answer for ``service``."""
        self._service = service
        self._report = report

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """One request, as PEP 3333 has it."""
        answer = self._answer(environ)
        headers = [("Content-Type", answer.kind), ("Content-Length", str(len(answer.body)))]
        if answer.allow:
            headers.append(("Allow", answer.allow))
        start(_PHRASES[answer.status], headers)
        return [answer.body]

    def _answer(self, environ: WSGIEnvironment) -> _Answer:
        try:
            return self._routed(environ)
        except HeadConflict as conflict:
            return _Answer(409, f"{conflict.size}\n".encode(), _SIZE)
        except RefusedHead as refusal:
            return _Answer(refusal.status, f"{refusal}\n".encode())
        except WitnessFull as problem:
            self._report(str(problem))
            told = b"the witness has no room to remember this head; nothing was cosigned\n"
            return _Answer(507, told)
        except LedgerError as problem:
            self._report(str(problem))
            return _Answer(500, b"the witness cannot work; nothing was cosigned\n")

    def _routed(self, environ: WSGIEnvironment) -> _Answer:
        path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
        monitored = _MONITORED.fullmatch(path)
        if monitored is None and path != "/add-checkpoint":
            raise RefusedHead(404, "nothing is here")
        wanted = "POST" if monitored is None else "GET"
        if method != wanted:
            return _Answer(405, f"expected {wanted}\n".encode(), allow=wanted)
        if monitored is None:
            return _Answer(200, self._service.add_checkpoint(_body(environ)))
        found = self._service.checkpoint(monitored.group(1))
        if found is None:
            raise RefusedHead(404, "no checkpoint of such a log was cosigned")
        return _Answer(200, found)


def listening(address: str) -> socket.socket:
    """A socket bound to ``host:port`` (``[host]:port`` for IPv6; port 0 takes a free one)."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > _LAST_PORT:
        raise WitnessError(f"expected HOST:PORT to listen at, found {address!r}")
    try:
        family, _, _, _, place = socket.getaddrinfo(
            host.removeprefix("[").removesuffix("]") or None,
            int(port),
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )[0]
        return socket.create_server(place[:2], family=family, backlog=CONNECTIONS)
    except OSError as problem:
        raise WitnessError(
            f"expected to listen at {address}, found: {problem}; choose another address or port"
        ) from problem


def shown(bound: socket.socket) -> str:
    """The address of a bound socket as a URL names it."""
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def serve(
    application: WitnessApplication, bound: socket.socket, announce: Callable[[], None]
) -> None:
    """Answer requests at ``bound`` until SIGTERM or SIGINT; call it from the main thread.

    ``announce`` is called when everything is ready to answer and to be ended.
    """
    try:
        # An extra that only witnesses need.
        from waitress.server import MultiSocketServer, create_server  # noqa: PLC0415
        from waitress.wasyncore import close_all, loop  # noqa: PLC0415
    except ImportError as problem:
        raise WitnessError(
            "expected the library 'waitress', found none; install the extra 'witness'"
        ) from problem
    # That a request waits for a thread is no news for the operator's terminal.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    channels: dict[int, socket.socket] = {}  # by name only: waitress puts its own channels in
    server = create_server(
        application,
        map=channels,
        sockets=[bound],
        threads=THREADS,
        connection_limit=CONNECTIONS,
        channel_timeout=SILENCE_SECONDS,
        cleanup_interval=_CLEANUP_SECONDS,
        max_request_body_size=MAX_REQUEST_BYTES,
        ident=None,
        clear_untrusted_proxy_headers=True,
    )
    assert not isinstance(server, MultiSocketServer)  # which is made for several sockets
    ending: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        # Between two rounds of the loop: an exception here could strike while a connection is
        # taken, and leave a socket that nobody closes.
        ending.append(number)
        server.pull_trigger()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        announce()
        while not ending:
            loop(timeout=_ROUND_SECONDS, use_poll=True, map=channels, count=1)
        server.task_dispatcher.shutdown()
    finally:
        close_all(channels, ignore_all=True)
        for number, handler in before.items():
            signal.signal(number, handler)


def _body(environ: WSGIEnvironment) -> bytes:
    body: bytes = environ["wsgi.input"].read(MAX_REQUEST_BYTES + 1)
    if len(body) > MAX_REQUEST_BYTES:
        raise RefusedHead(413, f"expected at most {MAX_REQUEST_BYTES} bytes")
    return body
