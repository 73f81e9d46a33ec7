"""One HTTP connection to a witness, kept open between questions.

A kept connection may have been closed by the other side meanwhile; then, and only then, the
question is put once more over a new one. Asking twice is harmless: a witness that confirmed a head
confirms it again. ``cut`` ends a question from another thread. No redirects are followed and no
proxies used: who answers must be who was named. Certificates are verified as the system does.
"""

import http.client
import socket
import ssl
from contextlib import suppress
from threading import Lock
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

from ledger.errors import WitnessError
from ledger.witness.conversation import MAX_ANSWER_BYTES, Answer

_LATER_SECONDS: Final = 0.5  # so that whoever waits gives up first, and says so
_HEADERS: Final = {"Content-Type": "text/plain; charset=utf-8", "Connection": "keep-alive"}


class Line:
    """A connection to the witness at ``url``; used by one thread at a time, save ``cut``."""

    def __init__(self, url: str, trust: ssl.SSLContext | None = None) -> None:
        """Refuse what is no submission prefix; nothing is connected yet."""
        self._url = url
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as problem:
            raise WitnessError(f"expected a port in {url!r}, found: {problem}") from problem
        host = parts.hostname
        strange = parts.username is not None or parts.query or parts.fragment
        if parts.scheme not in {"http", "https"} or not host or strange or not url.isprintable():
            raise WitnessError(
                f"expected http://HOST[:PORT]/[PATH] or https://…, found {url!r}; mend the policy"
            )
        self._path = f"{parts.path.rstrip('/')}/add-checkpoint"
        self._trust = trust
        if parts.scheme == "https":
            self._trust = trust or ssl.create_default_context()
            secure = http.client.HTTPSConnection(host, port, context=self._trust)
            self._connection: http.client.HTTPConnection = secure
        else:
            self._connection = http.client.HTTPConnection(host, port)
        self._cut = False
        self._asking = False
        self._lock = Lock()

    def post(self, body: bytes, until: float) -> Answer:
        """The answer to ``body``; gives up some time after ``until`` on the monotonic clock."""
        with self._lock:
            self._asking = True
        try:
            return self._post(body, until)
        finally:
            with self._lock:
                self._asking = False
                if self._cut:  # nobody else holds the connection now
                    self._connection.close()

    def _post(self, body: bytes, until: float) -> Answer:
        kept = self._connection.sock is not None
        try:
            try:
                return self._ask(body, until)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self._connection.close()
                if not kept or self._cut:
                    raise
                return self._ask(body, until)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            self._connection.close()
            said = str(problem) or type(problem).__name__
            raise WitnessError(f"expected an answer, found none: {said}") from problem

    def cut(self) -> None:
        """End the question that another thread waits for; the line is of no use afterwards."""
        with self._lock:
            self._cut = True
            if not self._asking:
                self._connection.close()
            elif (found := self._connection.sock) is not None:
                with suppress(OSError):
                    found.shutdown(socket.SHUT_RDWR)

    def renewed(self) -> "Line":
        """A line of its own to the same witness, in place of one that was cut."""
        return Line(self._url, self._trust)

    def close(self) -> None:
        """Close the connection; a later question opens it again."""
        self._connection.close()

    def _ask(self, body: bytes, until: float) -> Answer:
        connection, left = self._connection, max(until - monotonic(), 0) + _LATER_SECONDS
        connection.timeout = left
        if connection.sock is not None:
            connection.sock.settimeout(left)
        connection.request("POST", self._path, body, _HEADERS)
        if self._cut:
            raise TimeoutError("it was too late")
        with connection.getresponse() as response:
            data = response.read(MAX_ANSWER_BYTES + 1)
            if len(data) > MAX_ANSWER_BYTES:
                raise ValueError(f"more than {MAX_ANSWER_BYTES} bytes")
            if response.length:
                raise ValueError("the answer was cut short")
            return Answer(response.status, response.getheader("Content-Type", ""), data)
