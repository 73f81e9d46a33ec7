"""The one origin that attack programs may reach through a broker, and who watches it.

A server on loopback that takes one GET on each connection and nothing else. Whatever else arrives
(another method, a second request behind the first, another Host) was never judged by the broker: an
escape, noted here. ``/redirect`` leads to the listener that nobody may reach.
"""

import socket
import threading
from contextlib import suppress
from typing import Self

import h11

from ledger import Json, MemoryObjects
from os2shell.executors.network.broker import Broker
from os2shell.executors.network.desk import Desk
from os2shell.executors.network.question import Exchange
from os2shell.model.capability import LOCAL, Capability
from os2shell.model.effect import Effect, Stream
from os2shell.model.guest import Limits
from os2shell.policy.checker import check_scope
from os2shell.policy.manifest import Manifest
from os2shell.policy.network import Network, NetworkLimits

LIMITS = NetworkLimits(
    requests=200, request_bytes=1 << 16, response_bytes=1 << 16, time_ns=1_000_000_000
)
_SECONDS = 2.0


class GrantedServer:
    """Serves until it is closed; ``forbidden`` is the port that a redirect leads to."""

    def __init__(self, forbidden: int) -> None:
        """Listen at once."""
        self._forbidden = forbidden
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._misuses: list[str] = []
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True, name="os2-granted").start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def misuses(self) -> list[str]:
        """What came that no broker may send, since it was asked last."""
        found, self._misuses = self._misuses, []
        return [f"the granted server got {each}" for each in found]

    def _serve(self) -> None:
        while True:
            try:
                made, _ = self._listener.accept()
            except OSError:
                return  # closed
            with made, suppress(OSError):
                made.settimeout(_SECONDS)
                self._answer(made)

    def _answer(self, made: socket.socket) -> None:
        state = h11.Connection(h11.SERVER)
        try:
            target = self._judged(state, made)
        except h11.RemoteProtocolError as error:
            self._misuses.append(f"what is no request: {error}")
            return
        redirect = target.startswith(b"/redirect")
        headers = [("Content-Length", "2"), ("Connection", "close")]
        if redirect:
            headers.append(("Location", f"http://127.0.0.1:{self._forbidden}/"))
        answer = h11.Response(status_code=302 if redirect else 200, headers=headers)
        events = (answer, h11.Data(data=b"ok"), h11.EndOfMessage())
        made.sendall(b"".join(state.send(event) or b"" for event in events))

    def _judged(self, state: h11.Connection, made: socket.socket) -> bytes:
        """The target of the one request; notes what is more than one plain GET."""
        target = b""
        while not isinstance(event := state.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                state.receive_data(made.recv(1 << 16))
            elif isinstance(event, h11.Request):
                target = bytes(event.target)
                hosts = [bytes(value) for name, value in event.headers if name == b"host"]
                if event.method != b"GET" or not target.startswith(b"/"):
                    self._misuses.append(f"{event.method!r} {target[:40]!r}")
                if hosts != [b"127.0.0.1:%d" % self.port]:
                    self._misuses.append(f"the hosts {hosts!r}")
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError
        if state.trailing_data[0]:
            self._misuses.append("bytes behind its request")
        return target


class Granting:
    """A transcript under a grant for ``port`` alone, or for nothing; performs for real."""

    def __init__(self, port: int | None, limits: Limits) -> None:
        """``port`` None grants nothing."""
        objects = MemoryObjects()
        self._broker = Broker(objects, {})
        words = () if port is None else (f"GET http://127.0.0.1:{port}",)
        self._manifest = Manifest("probe", {LOCAL: {Capability.NET_CONNECT: words}}, limits, (), ())
        self.desk = Desk(self, objects, Network(words, LIMITS), self._broker)

    def output(self, stream: Stream, chunk: bytes, *, raw: bool) -> None:
        """Nobody listens here."""

    def begin(self, effect: Effect) -> None:
        """As an invocation judges it; raises ``Denied``."""
        check_scope(self._manifest, LOCAL, effect.needs, effect.scope())

    def perform(self, effect: Effect) -> Json:
        """Exchange; a refusal needs nothing done."""
        return self._broker.perform(effect, self) if isinstance(effect, Exchange) else None
