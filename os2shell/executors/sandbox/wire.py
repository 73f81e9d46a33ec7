"""Messages on the control socket: a u32 total, then fields, each a u32 length and its bytes.

Pure. What the guest sends is hostile once guest code has started: a length beyond the limit or
fields that do not fill the message exactly raise ``ProtocolBroken``. The guest's side of the same
format is in ``guest/channel.py``.
"""

from collections.abc import Iterator

from os2shell.executors.sandbox.errors import ProtocolBroken

LENGTH_BYTES = 4
MESSAGE_LIMIT = 1 << 16
"""Bytes of one message from the guest; its requests are short, and jobs go the other way."""
FIELD_LIMIT = 16


def pack(*fields: bytes) -> bytes:
    """One message of ``fields``."""
    body = b"".join(len(field).to_bytes(LENGTH_BYTES, "big") + field for field in fields)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def unpack(body: bytes) -> tuple[bytes, ...]:
    """The fields of one message's body; they must fill it exactly."""
    fields: list[bytes] = []
    position = 0
    while position < len(body):
        start = position + LENGTH_BYTES
        end = start + int.from_bytes(body[position:start], "big")
        if start > len(body) or end > len(body) or len(fields) == FIELD_LIMIT:
            raise ProtocolBroken(
                f"a message of {len(body)} bytes whose fields do not fill it",
                expected=f"at most {FIELD_LIMIT} fields that fill it exactly",
            )
        fields.append(body[start:end])
        position = end
    return tuple(fields)


class Incoming:
    """Collects bytes from the socket, and gives whole messages."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, ...]]:
        """Add ``chunk``; yield each message that is now whole."""
        self._buffer += chunk
        while len(self._buffer) >= LENGTH_BYTES:
            size = int.from_bytes(self._buffer[:LENGTH_BYTES], "big")
            if size > MESSAGE_LIMIT:
                raise ProtocolBroken(
                    f"a message of {size} bytes", expected=f"at most {MESSAGE_LIMIT} bytes"
                )
            if len(self._buffer) < LENGTH_BYTES + size:
                return
            body = bytes(self._buffer[LENGTH_BYTES : LENGTH_BYTES + size])
            del self._buffer[: LENGTH_BYTES + size]
            yield unpack(body)
