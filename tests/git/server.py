"""A real smart-HTTP server of git for tests: ``python server.py ROOT LOG [--slow N] [--version-0] [--tls CERTIFICATE KEY]``.

It prints its port and hands each request to ``git http-backend`` (CGI, RFC 3875). LOG gets a line for
each. ``--slow N`` waits N seconds before the answer to a POST; ``--version-0`` hides ``Git-Protocol``.
"""

import os
import ssl
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BACKEND = Path(
    subprocess.check_output(["git", "--exec-path"], text=True).strip(), "git-http-backend"
)
ROOT, LOG = Path(sys.argv[1]), Path(sys.argv[2])
SLOW = float(sys.argv[sys.argv.index("--slow") + 1]) if "--slow" in sys.argv else 0.0


class Handler(BaseHTTPRequestHandler):
    """One request, one CGI program."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_words: object) -> None:
        """Nothing on standard error."""

    def serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with LOG.open("a") as file:
            print(self.command, self.path, self.headers.get("Git-Protocol"), len(body), file=file)
        path, _, query = self.path.partition("?")
        if path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", self.path.replace("/moved/", "/"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path = path.replace("/private/", "/") if self.headers.get("Authorization") else path
        if path.startswith("/private/"):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if SLOW and self.command == "POST":
            time.sleep(SLOW)
        said = subprocess.run(
            [str(BACKEND)],
            input=body,
            env=self.variables(path, query, len(body)),
            capture_output=True,
            check=False,
        )
        head, _, content = said.stdout.partition(b"\r\n\r\n")
        rows = [line.partition(": ") for line in head.decode().split("\r\n") if line]
        status = next((value for name, _, value in rows if name == "Status"), "200 OK")
        self.send_response(int(status.split()[0]))
        for name, _, value in rows:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = serve  # noqa: N815 — the library calls them so

    def variables(self, path: str, query: str, size: int) -> dict[str, str]:
        protocol = "" if "--version-0" in sys.argv else self.headers.get("Git-Protocol") or ""
        return {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(ROOT),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "http.receivepack",
            "GIT_CONFIG_VALUE_0": "true",
            "GIT_CONFIG_KEY_1": "safe.directory",
            "GIT_CONFIG_VALUE_1": "*",
            "GIT_PROTOCOL": protocol,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type") or "",
            "CONTENT_LENGTH": str(size),
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_USER": "tester",
        }


def main() -> None:
    LOG.touch()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if "--tls" in sys.argv:
        at = sys.argv.index("--tls")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[at + 1], sys.argv[at + 2])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
