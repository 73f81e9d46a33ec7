"""Servers as they should not be: each is a failure by name, soon, and nothing of it is guessed."""

import threading
import time
from pathlib import Path

import pytest

from ledger import Json, MemoryObjects
from os2shell.executors.network import addresses
from os2shell.executors.network.addresses import is_public, resolve
from os2shell.executors.network.answer import Answer, Failed, read_answer
from os2shell.executors.network.broker import Broker
from os2shell.executors.network.failure import ExchangeFailed, Failure
from os2shell.executors.network.question import Exchange, Headers, Terms
from os2shell.executors.network.secret import Keyed
from os2shell.model.content import keep
from os2shell.model.effect import Effect, Stream
from os2shell.policy.network import Origin
from tests.network.network_room import Served

SECOND_NS = 1_000_000_000
OBJECTS = MemoryObjects()
TERMS = Terms(private=False, cookies=False, ca="", response_bytes=1 << 20, time_ns=5 * SECOND_NS)


class Alone:
    """A transcript that nobody reads."""

    def output(self, stream: Stream, chunk: bytes, *, raw: bool) -> None:
        raise AssertionError

    def begin(self, effect: Effect) -> None:
        raise AssertionError

    def perform(self, effect: Effect) -> Json:
        raise AssertionError


def question(
    port: int,
    target: str,
    *,
    host: str = "127.0.0.1",
    method: str = "GET",
    headers: Headers = (),
    terms: Terms = TERMS,
) -> Exchange:
    origin = Origin("http", host, port)
    body = keep(OBJECTS, b"")
    return Exchange(method, origin, target, headers, body, terms, lambda: Keyed(bytes(32)))


def asked(effect: Exchange) -> Answer | Failed:
    return read_answer(Broker(OBJECTS, {}).perform(effect, Alone()))


def failure(effect: Exchange) -> str:
    found = asked(effect)
    assert isinstance(found, Failed), found
    return found.failed


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/garbage", Failure.MALFORMED),
        ("/empty", Failure.CLOSED),
        ("/early", Failure.CLOSED),
        ("/early-chunk", Failure.CLOSED),
        ("/two-lengths", Failure.MALFORMED),
        ("/two-framings", Failure.MALFORMED),
        ("/behind", Failure.MALFORMED),
        ("/bare-cr", Failure.MALFORMED),
        ("/nul", Failure.MALFORMED),
        ("/negative", Failure.MALFORMED),
        ("/bad-chunk", Failure.MALFORMED),
        ("/switch", Failure.MALFORMED),
        ("/interim", Failure.MALFORMED),
        ("/long-head", Failure.MALFORMED),
        ("/huge", Failure.SIZE),
    ],
)
def test_a_bad_answer_is_a_failure_by_name(server: Served, path: str, name: Failure) -> None:
    assert failure(question(server.port, path)) == name


@pytest.mark.parametrize("path", ["/slow", "/silent"])
def test_a_slow_server_meets_the_limit(server: Served, path: str) -> None:
    began = time.monotonic()
    terms = Terms(False, False, "", 1 << 20, SECOND_NS // 2)  # noqa: FBT003
    assert failure(question(server.port, path, terms=terms)) == Failure.TIME
    assert time.monotonic() - began < 3


def test_nobody_there(server: Served) -> None:
    server.stop()
    assert failure(question(server.port, "/")) == Failure.CONNECT


def test_tls_where_there_is_none(server: Served) -> None:
    effect = question(server.port, "/")
    effect = Exchange(
        "GET", Origin("https", "127.0.0.1", server.port), "/", (), effect.content, TERMS
    )
    assert failure(effect) == Failure.TLS


def test_plain_where_there_is_tls(secure: Served) -> None:
    assert failure(question(secure.port, "/")) in {Failure.CLOSED, Failure.MALFORMED}


def test_an_authority_that_this_shell_has_not(server: Served) -> None:
    terms = Terms(False, False, "blake3:00", 1 << 20, SECOND_NS)  # noqa: FBT003
    assert failure(question(server.port, "/", terms=terms)) == Failure.AUTHORITY
    assert server.asked == b""


@pytest.mark.parametrize("headers", [(("X-Api-Key", "correct horse battery"),)])
def test_an_answer_that_repeats_a_secret_is_not_kept(server: Served, headers: Headers) -> None:
    assert failure(question(server.port, "/mirror", headers=headers)) == Failure.ECHO
    good = asked(question(server.port, "/mirror", headers=(("X-Plain", "correct horse battery"),)))
    assert isinstance(good, Answer)


def test_cookies_are_withheld_without_a_grant_for_them(server: Served) -> None:
    answer = asked(question(server.port, "/cookie"))
    assert isinstance(answer, Answer)
    assert answer.withheld == ("Set-Cookie",)
    assert "0815" not in str(answer)
    terms = Terms(False, True, "", 1 << 20, SECOND_NS)  # noqa: FBT003
    answer = asked(question(server.port, "/cookie", terms=terms))
    assert isinstance(answer, Answer)
    assert "0815" in str(answer)


def test_what_is_begun_does_not_wait_and_can_be_given_up(server: Served) -> None:
    broker = Broker(OBJECTS, {})
    began = time.monotonic()
    effect = question(server.port, "/silent")
    broker.begin(effect)
    broker.cancel()
    broker.begin(question(server.port, "/"))
    assert time.monotonic() - began < 1
    broker.cancel()
    deadline = time.monotonic() + 5
    while any(thread.name == "os2-exchange" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("::127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("64:ff9b:1::1", False),
        ("2002:7f00:1::", False),
        ("2002:a9fe:a9fe::", False),
        ("2001:db8::1", False),
    ],
)
def test_which_addresses_are_the_internet_s(address: str, *, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("host", "found", "private", "refused"),
    [
        ("rebound.example.org", ["127.0.0.1"], False, True),
        ("rebound.example.org", ["93.184.216.34", "169.254.169.254"], False, True),
        ("inner.example.org", ["10.0.0.1"], True, False),
        ("localhost", ["::1", "127.0.0.1"], False, False),
        ("localhost", ["10.0.0.1"], False, True),
        ("10.0.0.1", ["10.0.0.1"], False, False),
        ("www.example.org", ["93.184.216.34"], False, False),
    ],
)
def test_a_name_that_leads_inside_is_refused(
    monkeypatch: pytest.MonkeyPatch, host: str, found: list[str], *, private: bool, refused: bool
) -> None:
    monkeypatch.setattr(addresses, "_looked_up", lambda *_: list(found))
    origin = Origin("https", host, 443)
    if not refused:
        assert resolve(origin, private=private, seconds=1) == found
        return
    with pytest.raises(ExchangeFailed) as caught:
        resolve(origin, private=private, seconds=1)
    assert caught.value.failure == Failure.ADDRESS


def test_a_resolver_that_hangs_meets_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *_, **__: gate.wait(20) and [])
    with pytest.raises(ExchangeFailed) as caught:
        resolve(Origin("https", "a.example.org", 443), private=False, seconds=0.1)
    gate.set()
    assert caught.value.failure == Failure.TIME


def test_the_log_knows_what_was_sent(server: Served, tmp_path: Path) -> None:
    headers = (("User-Agent", "mine"), ("X-A", "\xe4"))
    assert isinstance(asked(question(server.port, "/x?y", headers=headers)), Answer)
    assert server.asked.splitlines()[:3] == [
        b"GET /x?y HTTP/1.1",
        b"Host: 127.0.0.1:%d" % server.port,
        b"Connection: close",
    ]
    assert b"X-A: \xe4" in server.asked
