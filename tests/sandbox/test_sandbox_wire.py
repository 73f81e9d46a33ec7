"""The control socket's messages: whole again in any pieces, and never trusted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from os2shell.executors.sandbox.errors import ProtocolBroken
from os2shell.executors.sandbox.wire import MESSAGE_LIMIT, Incoming, pack, unpack

FIELDS = st.lists(st.binary(max_size=60), max_size=8)


@given(st.lists(FIELDS, max_size=5), st.integers(1, 50))
def test_messages_come_whole_out_of_any_pieces(messages: list[list[bytes]], size: int) -> None:
    data = b"".join(pack(*fields) for fields in messages)
    incoming = Incoming()
    found = [
        message
        for start in range(0, len(data), size)
        for message in incoming.feed(data[start : start + size])
    ]
    assert found == [tuple(fields) for fields in messages]


@given(st.binary(max_size=200))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    try:
        fields = unpack(body)
    except ProtocolBroken:
        return
    assert pack(*fields)[4:] == body


def test_endless_message_is_refused_at_its_head() -> None:
    with pytest.raises(ProtocolBroken, match="at most"):
        list(Incoming().feed((MESSAGE_LIMIT + 1).to_bytes(4, "big")))
