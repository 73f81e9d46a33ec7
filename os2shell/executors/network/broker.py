"""The broker: performs ``Exchange`` for real.

A guest's exchange runs in a thread while the shell goes on watching the guest: ``begin`` starts it
and gives a descriptor that turns readable at its end, ``perform`` then takes the answer. Without a
``begin`` before it ``perform`` waits itself. One at a time: a guest asks one question at a time.
Given up (``cancel``), its connection is shut down, and whatever the other side already did is done.
"""

import os
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from ledger import Json, ObjectStore
from os2shell.executors.network.answer import recorded, recorded_failure
from os2shell.executors.network.failure import ExchangeFailed, Failure
from os2shell.executors.network.question import Exchange, Refusal
from os2shell.executors.network.secret import traces_of
from os2shell.model.content import fetch
from os2shell.model.effect import Transcript

if TYPE_CHECKING:  # loads ssl and h11: only who really exchanges pays for them
    from os2shell.executors.network.exchange import Reply

_NONE = -1


class Broker:
    """Performs exchanges; ``authorities`` are the manifest's, by their recorded names."""

    def __init__(self, objects: ObjectStore, authorities: Mapping[str, bytes]) -> None:
        """Bodies rest in ``objects``."""
        self._objects = objects
        self._authorities = authorities
        self._pending: _Pending | None = None

    def begin(self, asked: Exchange) -> int:
        """Start ``asked``; the descriptor turns readable when ``perform`` will not wait."""
        self.cancel()
        self._pending = _Pending(asked, self._body(asked), self._authorities)
        return self._pending.ready

    def perform(self, asked: Exchange, _transcript: Transcript) -> Json:
        """The answer, in plain form; never an exception for what the network did."""
        if self._pending is None or self._pending.asked is not asked:
            self.begin(asked)
        pending = self._pending
        assert pending is not None
        try:
            reply = pending.take()
            _refuse_repeated(asked, reply)
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

    def _body(self, asked: Exchange) -> bytes:
        return fetch(self._objects, asked.content)


def note_refusal(_refusal: Refusal, _transcript: Transcript) -> Json:
    """A refusal is recorded by being asked; there is nothing to perform."""
    return None


class _Pending:
    """One exchange under way in a thread of its own."""

    def __init__(self, asked: Exchange, body: bytes, authorities: Mapping[str, bytes]) -> None:
        self.asked = asked
        self.ready = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._connection: socket.socket | None = None
        self._given_up = False
        self._result: Reply | BaseException | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(
            target=self._run, args=(body, authorities), daemon=True, name="os2-exchange"
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

    def _run(self, body: bytes, authorities: Mapping[str, bytes]) -> None:
        try:
            self._result = self._exchange(body, authorities)
        except BaseException as error:  # noqa: BLE001 - raised again where somebody waits for it
            self._result = error
        with self._lock:
            if self.ready != _NONE:
                os.eventfd_write(self.ready, 1)

    def _exchange(self, body: bytes, authorities: Mapping[str, bytes]) -> "Reply":
        from os2shell.executors.network.exchange import exchange  # noqa: PLC0415 - see above

        ca = self.asked.terms.ca
        if ca and ca not in authorities:
            raise ExchangeFailed(
                Failure.AUTHORITY,
                f"the manifest of this shell does not bring the authority {ca}",
            )
        return exchange(self.asked, body, authorities.get(ca), self._opened)

    def _opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._connection = connection
            if self._given_up:
                raise ExchangeFailed(Failure.CLOSED, "given up")


def _refuse_repeated(asked: Exchange, reply: "Reply") -> None:
    """An answer that repeats a secret of its question must not be kept; as far as it shows."""
    secrets = tuple(traces_of(asked.headers, asked.target))
    if not secrets:
        return
    head = "\n".join(f"{name}:{value}" for name, value in reply.headers)
    for text in (reply.body, head.encode("latin-1"), reply.reason.encode("latin-1")):
        if any(secret in text for secret in secrets):
            told = "the answer repeats a secret of the question, and would be recorded with it"
            raise ExchangeFailed(Failure.ECHO, told, reply.peer)
