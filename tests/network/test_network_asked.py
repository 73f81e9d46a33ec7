"""What guests ask is read strictly: nothing of theirs frames a message or chooses another host."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from os2shell.executors.network.asked import Unfit, read_asked
from os2shell.policy.network import METHODS, Origin

FIRST = b"net.exchange https a.example.org 443 0\n"


def test_a_question_is_read() -> None:
    asked = read_asked(
        b"net.exchange https A.Example.org 8443 5000000000\nPOST /x?y=%20z\n"
        b"Host: a.example.org:8443\nX-One: two \nContent-Length: 3\nConnection: keep-alive"
    )
    assert asked.origin == Origin("https", "a.example.org", 8443)
    assert (asked.method, asked.target, asked.time_ns) == ("POST", "/x?y=%20z", 5_000_000_000)
    assert asked.headers == (("X-One", "two"),)


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (b"net.exchange", "form"),
        (b"net.exchange https a.org 443", "form"),
        (b"net.exchange https a.org 443 0", "form"),
        (b"net.exchange https a.org 443 -1\nGET /", "form"),
        (b"net.exchange ftp a.org 21 0\nGET /", "scheme"),
        (b"net.exchange https a.org 0 0\nGET /", "port"),
        (b"net.exchange https a.org 65536 0\nGET /", "port"),
        (b"net.exchange https a.org +443 0\nGET /", "port"),
        (b"net.exchange https user:secret@a.org 443 0\nGET /", "host"),
        (b"net.exchange https a.org/x 443 0\nGET /", "host"),
        (b"net.exchange https 2130706433 443 0\nGET /", "host"),
        (b"net.exchange https 127.0.0.1.%s 443 0\nGET /", "host"),
        (b"net.exchange https \xe2\x84\xaa.org 443 0\nGET /", "host"),
        (FIRST + b"CONNECT b.org:443", "method"),
        (FIRST + b"TRACE /", "method"),
        (FIRST + b"get /", "method"),
        (FIRST + b"GET", "target"),
        (FIRST + b"GET http://b.org/", "target"),
        (FIRST + b"GET //b.org/ HTTP/1.1", "target"),
        (FIRST + b"GET * ", "target"),
        (FIRST + b"GET /a b", "target"),
        (FIRST + b"GET /a#b", "target"),
        (FIRST + b"GET /\xe4", "target"),
        (FIRST + b"GET /\rX: y", "target"),
        (FIRST + b"GET /\nHost: b.example.org", "host-header"),
        (FIRST + b"GET /\nHost: a.example.org\nhOST: b.org", "host-header"),
        (FIRST + b"GET /\nX-A: one\rX-B: two", "headers"),
        (FIRST + b"GET /\nX-A: one\0two", "headers"),
        (FIRST + b"GET /\nX A: one", "headers"),
        (FIRST + b"GET /\nX-A : one", "headers"),
        (FIRST + b"GET /\n folded: one", "headers"),
        (FIRST + b"GET /\nnothing", "headers"),
        (FIRST + b"GET /\n", "headers"),
        (FIRST + b"GET /" + b"\nX-A: b" * 200, "headers"),
        (FIRST + b"GET /\nUpgrade: websocket", "upgrade"),
        (FIRST + b"GET /\nExpect: 100-continue", "expect"),
        (FIRST + b"GET /\nX-HTTP-Method-Override: DELETE", "method-override"),
    ],
)
def test_what_bends_the_scope_is_refused_by_name(words: bytes, rule: str) -> None:
    with pytest.raises(Unfit) as caught:
        read_asked(words)
    assert caught.value.rule == f"net.request:{rule}"
    assert "secret" not in caught.value.found


PRINTABLE = st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=40)


@given(
    method=st.one_of(st.sampled_from(METHODS), PRINTABLE),
    target=st.one_of(PRINTABLE, PRINTABLE.map("/".__add__)),
    headers=st.lists(st.tuples(PRINTABLE, PRINTABLE), max_size=4),
)
def test_what_is_read_makes_one_message(
    method: str, target: str, headers: list[tuple[str, str]]
) -> None:
    lines = [f"{method} {target}", *(f"{name}: {value}" for name, value in headers)]
    try:
        asked = read_asked(FIRST + "\n".join(lines).encode("latin-1"))
    except Unfit:
        return
    client, server = h11.Connection(h11.CLIENT), h11.Connection(h11.SERVER)
    framing = [("Host", asked.origin.authority), ("Connection", "close")]
    pairs = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in (*framing, *asked.headers)]
    data = client.send(h11.Request(method=asked.method, target=asked.target, headers=pairs))
    assert data is not None
    assert data.count(b"\r\n\r\n") == 1
    server.receive_data(data)
    request = server.next_event()
    assert isinstance(request, h11.Request)
    assert request.method.decode() == asked.method
    assert dict(request.headers)[b"host"] == b"a.example.org"
    assert isinstance(server.next_event(), h11.EndOfMessage)
    assert server.trailing_data[0] == b""
