"""The broker: performs ``Exchange`` for real.

A guest's exchange runs in a thread while the shell goes on watching the guest: ``begin`` starts it
and gives a descriptor that turns readable at its end, ``perform`` then takes the answer. Without a
``begin`` before it ``perform`` waits itself. One at a time: a guest asks one question at a time.
Given up (``cancel``), its connection is shut down, and whatever the other side already did is done.
"""

import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ledger import Json, ObjectStore
from os2shell.executors.network.answer import recorded, recorded_failure
from os2shell.executors.network.credentials import HEADER
from os2shell.executors.network.failure import ExchangeFailed, Failure
from os2shell.executors.network.question import Exchange, Headers, Refusal
from os2shell.executors.network.secret import traces_of
from os2shell.model.content import fetch
from os2shell.model.effect import Transcript

if TYPE_CHECKING:  # loads ssl and h11: only who really exchanges pays for them
    from os2shell.executors.network.exchange import Reply

_NONE = -1


class Broker:
    """Performs exchanges; ``authorities`` are the manifest's, by their recorded names."""

    def __init__(
        self,
        objects: ObjectStore,
        authorities: Mapping[str, bytes],
        credential: Callable[[str], str] | None = None,
    ) -> None:
        """Bodies rest in ``objects``; ``credential`` gives the secret of a name."""
        self._objects = objects
        self._authorities = authorities
        self._credential = credential
        self._pending: _Pending | None = None

    def begin(self, asked: Exchange) -> int:
        """Start ``asked``; the descriptor turns readable when ``perform`` will not wait."""
        self.cancel()
        sent = _Sent(fetch(self._objects, asked.content), self._authorities, self._credential)
        self._pending = _Pending(asked, sent)
        return self._pending.ready

    def perform(self, asked: Exchange, _transcript: Transcript) -> Json:
        """The answer, in plain form; never an exception for what the network did."""
        if self._pending is None or self._pending.asked is not asked:
            self.begin(asked)
        pending = self._pending
        assert pending is not None
        try:
            reply = pending.take()
            _refuse_repeated(pending.headers, asked.target, reply)
        except ExchangeFailed as failed:
            return recorded_failure(failed)
        finally:
            self.cancel()
        return recorded(reply, asked.terms, self._objects)

    def cancel(self) -> None:
        """Give up what is under way, if anything."""
        if self._pending is not None:
            self._pending.close()
            self._pending = None


def note_refusal(_refusal: Refusal, _transcript: Transcript) -> Json:
    """A refusal is recorded by being asked; there is nothing to perform."""
    return None


@dataclass(frozen=True, slots=True, repr=False)
class _Sent:
    """What an exchange takes beside its question."""

    body: bytes
    authorities: Mapping[str, bytes]
    credential: Callable[[str], str] | None

    def headers(self, asked: Exchange) -> Headers:
        """What is sent; the credential's header takes the place of the program's own."""
        name = asked.terms.credential
        if not name:
            return asked.headers
        if self.credential is None:
            raise ExchangeFailed(Failure.CREDENTIAL, f"nobody here has the credential {name}")
        kept = [pair for pair in asked.headers if pair[0].lower() != HEADER.lower()]
        return (*kept, (HEADER, self.credential(name)))

    def authority(self, asked: Exchange) -> bytes | None:
        """The PEM of who vouches; None: the system's roots."""
        ca = asked.terms.ca
        if ca and ca not in self.authorities:
            told = f"the manifest of this shell does not bring the authority {ca}"
            raise ExchangeFailed(Failure.AUTHORITY, told)
        return self.authorities.get(ca)


class _Pending:
    """One exchange under way in a thread of its own."""

    def __init__(self, asked: Exchange, sent: _Sent) -> None:
        self.asked = asked
        self.headers: Headers = ()
        self.ready = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._connection: socket.socket | None = None
        self._given_up = False
        self._result: Reply | BaseException | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(
            target=self._run, args=(sent,), daemon=True, name="os2-exchange"
        )
        self._thread.start()

    def take(self) -> "Reply":
        """Wait for the end; raises ``ExchangeFailed``."""
        self._thread.join()
        if isinstance(self._result, BaseException):
            raise self._result
        assert self._result is not None
        return self._result

    def close(self) -> None:
        """Shut the connection down; the thread ends by that."""
        with self._lock:
            self._given_up = True
            if self._connection is not None:
                with suppress(OSError):
                    self._connection.shutdown(socket.SHUT_RDWR)
            os.close(self.ready)
            self.ready = _NONE

    def _run(self, sent: _Sent) -> None:
        try:
            self._result = self._exchange(sent)
        except BaseException as error:  # noqa: BLE001 - raised again where somebody waits for it
            self._result = error
        with self._lock:
            if self.ready != _NONE:
                os.eventfd_write(self.ready, 1)

    def _exchange(self, sent: _Sent) -> "Reply":
        from os2shell.executors.network.exchange import exchange  # noqa: PLC0415 - see above

        self.headers = sent.headers(self.asked)
        asked = replace(self.asked, headers=self.headers)
        return exchange(asked, sent.body, sent.authority(asked), self._opened)

    def _opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._connection = connection
            if self._given_up:
                raise ExchangeFailed(Failure.CLOSED, "given up")


def _refuse_repeated(headers: Headers, target: str, reply: "Reply") -> None:
    """An answer that repeats a secret of its question must not be kept; as far as it shows."""
    secrets = tuple(traces_of(headers, target))
    if not secrets:
        return
    head = "\n".join(f"{name}:{value}" for name, value in reply.headers)
    for text in (reply.body, head.encode("latin-1"), reply.reason.encode("latin-1")):
        if any(secret in text for secret in secrets):
            told = "the answer repeats a secret of the question, and would be recorded with it"
            raise ExchangeFailed(Failure.ECHO, told, reply.peer)
