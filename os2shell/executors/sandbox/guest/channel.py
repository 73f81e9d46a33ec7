"""The guest's end of the control socket: u32 length, then fields of u32 length and bytes each."""

import _socket
import _thread

_HEAD = 4


class Channel:
    """One request at a time; other threads wait. A forked child has none: its parent owns the line."""

    def __init__(self, sock: _socket.socket) -> None:
        self._sock = sock
        self._lock = _thread.allocate_lock()
        self.cut = False

    def send(self, *fields: bytes) -> None:
        """Send one message."""
        body = b"".join([len(field).to_bytes(_HEAD, "big") + field for field in fields])
        data = memoryview(len(body).to_bytes(_HEAD, "big") + body)
        while data:
            data = data[self._sock.send(data) :]

    def receive(self) -> "list[bytes]":
        """Wait for one message; its fields."""
        body = self._exactly(int.from_bytes(self._exactly(_HEAD), "big"))
        fields = []
        position = 0
        while position < len(body):
            start = position + _HEAD
            position = start + int.from_bytes(body[position:start], "big")
            fields.append(bytes(body[start:position]))
        return fields

    def ask(self, request: bytes) -> bytes:
        """Ask the host and wait for its answer; b"" where there is nobody to ask."""
        if self.cut:
            return b""
        with self._lock:
            self.send(b"ask", request)
            return self.receive()[0]

    def _exactly(self, size: int) -> bytearray:
        # Filled in place, so that the size of what the kernel hands over at once moves no addresses.
        data = bytearray(size)
        rest = memoryview(data)
        while rest:
            count = self._sock.recv_into(rest)
            if not count:
                raise EOFError("the host is gone")
            rest = rest[count:]
        return data
