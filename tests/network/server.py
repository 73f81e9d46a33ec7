"""A real HTTP(S) server for the tests of the broker: ``python server.py LOG [CERTIFICATE KEY]``.

It prints its port, and appends every request it gets to LOG: the raw head, then the size of the
body. Paths choose what it does; some answers are written raw, for no library would write them.
"""

import contextlib
import socket
import ssl
import sys
import threading
import time
from pathlib import Path

RAW = {
    "/garbage": b"\x00\x01\x02 this is no HTTP\r\n\r\n",
    "/empty": b"",
    "/early": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
    "/early-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "/two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "/two-framings": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "/behind": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    "/bare-cr": b"HTTP/1.1 200 OK\r\nX-A: one\rX-B: two\r\nContent-Length: 2\r\n\r\nok",
    "/nul": b"HTTP/1.1 200 OK\r\nX-A: o\x00ne\r\nContent-Length: 2\r\n\r\nok",
    "/negative": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok",
    "/bad-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    "/switch": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "/interim": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20
    + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "/hints": b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    "/close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end",
    "/nothing": b"HTTP/1.1 204 No Content\r\n\r\n",
    "/long-head": b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * (1 << 17) + b"\r\nContent-Length: 0\r\n\r\n",
}


class Server:
    """Counts its answers, so that no two are alike."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.count = 0
        self.lock = threading.Lock()

    def serve(self, made: socket.socket) -> None:
        with made, contextlib.suppress(OSError):
            made.settimeout(20)
            head, _, body = self.read_head(made)
            method, target, _ = head.split(b"\r\n")[0].decode("latin-1").split(" ", 2)
            size = 0
            for line in head.split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    size = int(value)
            while len(body) < size:
                body += made.recv(65536)
            with self.lock:
                self.count += 1
                count = self.count
                with self.log.open("ab") as file:
                    file.write(head + b"\r\n[%d bytes]\r\n" % len(body))
            self.answer(made, (method, target), head, body, count)
            with contextlib.suppress(OSError):
                if isinstance(made, ssl.SSLSocket):
                    made.unwrap()

    @staticmethod
    def read_head(made: socket.socket) -> tuple[bytes, bytes, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = made.recv(65536)
            if not piece:
                raise ConnectionError
            if piece.startswith(b"\x16\x03"):  # a TLS handshake
                made.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                raise ConnectionError
            data += piece
        return data.partition(b"\r\n\r\n")

    def answer(
        self, made: socket.socket, asked: tuple[str, str], head: bytes, body: bytes, count: int
    ) -> None:
        method, target = asked
        path, _, query = target.partition("?")
        extra: list[str] = []
        status, content = "200 OK", f"answer {count} to {method} {path}\n".encode()
        if path in RAW:
            made.sendall(RAW[path])
            return
        match path:
            case "/slow":
                made.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                for _ in range(200):
                    made.sendall(b".")
                    time.sleep(0.1)
                return
            case "/silent":
                time.sleep(20)
                return
            case "/huge":
                made.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (3 << 20))
                for _ in range(48):
                    made.sendall(b"x" * 65536)
                return
            case "/big":
                content = b"0123456789abcdef" * 4096
            case "/echo":
                content = body
            case "/mirror":
                content = head
            case "/redirect":
                status = "302 Found"
                extra = [f"Location: {query}"]
            case "/cookie":
                extra = ["Set-Cookie: sid=cookie-of-the-server-0815; Path=/", "X-Plain: yes"]
            case "/missing":
                status = "404 Not Found"
        lines = [
            f"HTTP/1.1 {status}",
            *extra,
            f"Date: now-{count}",
            f"Content-Length: {len(content)}",
            "",
            "",
        ]
        made.sendall("\r\n".join(lines).encode() + (b"" if method == "HEAD" else content))


def main() -> None:
    log = Path(sys.argv[1])
    log.touch()
    listener = socket.create_server(("127.0.0.1", 0))
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
    print(listener.getsockname()[1], flush=True)
    server = Server(log)

    def shake_hands(made: socket.socket) -> None:
        with contextlib.suppress(OSError):
            stream = context.wrap_socket(made, server_side=True) if len(sys.argv) > 2 else made
            server.serve(stream)

    while True:
        made, _ = listener.accept()
        threading.Thread(target=shake_hands, args=(made,), daemon=True).start()


if __name__ == "__main__":
    main()
