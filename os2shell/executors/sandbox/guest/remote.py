"""Git's remote helper for ``http`` and ``https`` (gitremote-helpers(7)), over the broker outside.

Fetches speak protocol version 2 through ``stateless-connect`` (gitprotocol-v2(5)), older servers and pushes the
smart protocol through ``git fetch-pack`` and ``git send-pack`` with ``--stateless-rpc`` (gitprotocol-http(5)). Each
HTTP request is handed whole to the first process of the run, which asks the host. There is no dumb protocol.
"""

# Stand-ins for untyped C functions: what a call may hold is theirs.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,attr-defined,no-any-return,type-arg,var-annotated"

import _socket
import os
import sys

SOCKET = "/tmp/.os2-broker"
ENVIRONMENT = {
    "COLUMNS": "80",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CEILING_DIRECTORIES": "/",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_EDITOR": "/tools/bin/no-editor",
    "GIT_EXEC_PATH": "/tools/libexec/git-core",
    "GIT_MERGE_AUTOEDIT": "no",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_SEQUENCE_EDITOR": "/tools/bin/no-editor",
    "GIT_TEMPLATE_DIR": "/tools/templates",
    "GIT_TERMINAL_PROMPT": "0",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "LD_LIBRARY_PATH": "/tools/lib",
    "LOGNAME": "os2",
    "PATH": "/tools/libexec/git-core",
    "PYTHONHASHSEED": "0",
    "TERM": "dumb",
    "TMPDIR": "/tmp",
    "TZ": "UTC",
    "USER": "os2",
    "XDG_CONFIG_HOME": "/nonexistent",
}
_UNIX, _STREAM = 1, 1
_LENGTH, _PACKET = 4, 4
_REDIRECTS, _REDIRECTS_MOST = frozenset({301, 302, 303, 307, 308}), 5
_PORTS = {"http": "80", "https": "443"}
_FLUSH, _RESPONSE_END = b"0000", b"0002"
_SERVICE = {"fetch": "git-upload-pack", "push": "git-receive-pack"}


class Failed(Exception):
    """Ends the helper with one line."""


def packed(*fields: bytes) -> bytes:
    """One message: its length, then fields of a length and bytes each."""
    body = b"".join(len(field).to_bytes(_LENGTH, "big") + field for field in fields)
    return len(body).to_bytes(_LENGTH, "big") + body


def read_message(file) -> list:
    """The fields of one message; EOFError where it is cut short."""
    body = _exactly(file, int.from_bytes(_exactly(file, _LENGTH), "big"))
    fields, at = [], 0
    while at < len(body):
        start = at + _LENGTH
        at = start + int.from_bytes(body[at:start], "big")
        fields.append(body[start:at])
    return fields


def _exactly(file, size: int) -> bytes:
    parts, left = [], size
    while left:
        piece = file.read(min(left, 1 << 20))
        if not piece:
            raise EOFError
        parts.append(piece)
        left -= len(piece)
    return b"".join(parts)


class Server:
    """One side of HTTP: where it is, and what its discovery said."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def ask(self, method: str, url: str, headers, body: bytes = b""):
        """Status, headers and body of one exchange; raises ``Failed``."""
        scheme, host, port, target = _parts(url)
        lines = "\n".join(f"{name}: {value}" for name, value in headers)
        words = [scheme, host, port, method, target, lines]
        line = _socket.socket(_UNIX, _STREAM, 0)
        line.connect(SOCKET)
        line.sendall(packed(*(word.encode("latin-1") for word in words), body))
        with open(line.detach(), "rb", buffering=0) as file:
            told = read_message(file)
        if told[0] != b"answer":
            text = told[1].decode("utf-8", "replace")
            raise Failed(f"{scheme}://{host}: {text}{_remedy(text, scheme, host, port)}")
        first, *rows = told[1].decode("latin-1").split("\r\n")
        pairs = [row.partition(": ") for row in rows if row]
        known = {name.lower(): value for name, _, value in pairs}
        return int(first.split(" ")[1]), known, told[2]

    def discover(self, service: str) -> bytes:
        """What the server says of ``service``: the bytes after its announcement."""
        tail = f"/info/refs?service={service}"
        url = self.url + tail
        headers = [*_common(), ("Accept", "*/*"), ("Pragma", "no-cache")]
        if service == _SERVICE["fetch"]:
            headers.append(("Git-Protocol", "version=2"))
        status, known, body = self.ask("GET", url, headers)
        for _ in range(_REDIRECTS_MOST):
            if status not in _REDIRECTS:
                break
            url = _joined(url, known.get("location", ""))
            if not url.endswith(tail):
                raise Failed(f"{self.url} leads to {url}, which is no repository")
            print(f"warning: redirecting to {url[: -len(tail)]}", file=sys.stderr, flush=True)
            self.url = url[: -len(tail)]
            status, known, body = self.ask("GET", url, headers)
        _check(status, self.url, service)
        if known.get("content-type", "") != f"application/x-{service}-advertisement":
            raise Failed(
                f"{self.url} does not speak git's smart protocol; the dumb one is not served here"
            )
        announced = f"# service={service}".encode()
        first, rest = _first_packet(body)
        if first.rstrip(b"\n") == announced:
            flush, after = _first_packet(rest)
            return after if flush == b"" else rest
        return body

    def call(self, service: str, body: bytes, version: bytes = b"") -> bytes:
        """One POST to ``service``."""
        headers = [
            *_common(),
            ("Content-Type", f"application/x-{service}-request"),
            ("Accept", f"application/x-{service}-result"),
        ]
        headers += [("Git-Protocol", "version=2")] if version else []
        status, known, answer = self.ask("POST", f"{self.url}/{service}", headers, body)
        _check(status, self.url, service)
        if known.get("content-type", "") != f"application/x-{service}-result":
            raise Failed(
                f"{self.url} answers {service} with {known.get('content-type', 'no type')!r}"
            )
        return answer


def _remedy(text: str, scheme: str, host: str, port: str) -> str:
    """What a manifest of the user's own would say for this to be done."""
    if "(rule net.connect" in text:
        more = "" if port == _PORTS[scheme] else f", ports = [{port}]"
        more += "" if scheme == "https" else ', schemes = ["http"]'
        return (
            f'; such as "net.connect" = [{{ hosts = ["{host}"], methods = ["GET", "POST"]{more} }}]'
        )
    for name, key in (("(response_too_large)", "response_mib"), ("(time_limit)", "seconds")):
        if text.endswith(name):
            return f"; [network] {key} in a manifest of your own may allow more"
    return ""


def _common():
    return [("User-Agent", "git/os2")]


def _check(status: int, url: str, service: str) -> None:
    if status == 200:
        return
    if status in (401, 403):
        raise Failed(
            f"{url} wants to know who asks (HTTP {status}); a grant of net.connect may name a credential "
            "that the shell adds: docs/handbook.md, Network of a program"
        )
    if status == 404:
        raise Failed(f"repository {url!r} not found (HTTP 404)")
    raise Failed(f"{url} answers {service} with HTTP {status}")


def _parts(url: str):
    """Scheme, host, port and target of a URL."""
    scheme, colon, rest = url.partition("://")
    if not colon or scheme not in _PORTS:
        raise Failed(f"{url} is neither http:// nor https://")
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        raise Failed(
            f"{scheme}://…@{authority.rpartition('@')[2]}: a secret in a URL would be recorded; a grant of "
            "net.connect may name a credential that the shell adds"
        )
    host, port = authority, ""
    tail = authority.rpartition(":")[2]
    if tail.isdigit() and "]" not in tail and ":" in authority:
        host, _, port = authority.rpartition(":")
    return scheme, host, port or _PORTS[scheme], slash + path or "/"


def _joined(url: str, location: str) -> str:
    if "://" in location:
        return location
    scheme, _, rest = url.partition("://")
    if location.startswith("/"):
        return f"{scheme}://{rest.partition('/')[0]}{location}"
    raise Failed(f"{url} leads nowhere")


def _first_packet(data: bytes):
    """The first packet's content, empty for a flush, and what follows it."""
    try:
        size = int(data[:_PACKET], 16)
    except ValueError:
        raise Failed("the server's answer is not in packets") from None
    if size in (1, 2, 3) or size > len(data):
        raise Failed("the server's answer is cut short")
    return (b"", data[_PACKET:]) if size == 0 else (data[_PACKET:size], data[size:])


def _packet(text: bytes) -> bytes:
    return b"%04x" % (len(text) + _PACKET) + text


class Conversation:
    """Reads git's commands, writes its answers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.server = Server(url)
        self.reading, self.writing = sys.stdin.buffer, sys.stdout.buffer
        self.options: dict = {}
        self.lists: dict = {"cas": [], "push-option": [], "deepen-not": []}
        self.heads: dict = {}

    def run(self) -> int:
        """Until git hangs up."""
        while line := self.reading.readline():
            word, _, rest = line.rstrip(b"\n").decode().partition(" ")
            match word:
                case "":
                    break
                case "capabilities":
                    self.say("stateless-connect", "fetch", "push", "option", "object-format", "")
                case "option":
                    self.say(self.option(*rest.split(" ", 1)))
                case "list":
                    self.list(_SERVICE["push" if rest == "for-push" else "fetch"])
                case "stateless-connect":
                    if self.connect(rest):
                        return 0
                case "fetch":
                    self.fetch(self.batch(rest))
                case "push":
                    self.push(self.batch(rest))
                case _:
                    raise Failed(f"git asks its helper for {word!r}")
        return 0

    def say(self, *lines: str) -> None:
        """Write lines to git."""
        self.writing.write("".join(line + "\n" for line in lines).encode())
        self.writing.flush()

    def batch(self, first: str) -> list:
        """The lines of one batch, without their verb."""
        lines = [first]
        while line := self.reading.readline().rstrip(b"\n").decode():
            lines.append(line.partition(" ")[2])
        return lines

    def option(self, name: str, value: str = "") -> str:
        """Keep one option; whether it is known."""
        if name in self.lists:
            self.lists[name].append(_unquoted(value))
        elif name in _OPTIONS:
            self.options[name] = value
        else:
            return "unsupported"
        return "ok"

    def discovered(self, service: str) -> bytes:
        """What the server said of ``service``, asked once."""
        if service not in self.heads:
            self.heads[service] = self.server.discover(service)
        return self.heads[service]

    def connect(self, service: str) -> bool:
        """Version 2, request by request; False where the server is older."""
        if service != _SERVICE["fetch"]:
            self.say("fallback")
            return False
        said = self.discovered(service)
        if _first_packet(said)[0].rstrip(b"\n") != b"version 2":
            self.say("fallback")
            return False
        self.say("")
        self.writing.write(said)
        self.writing.flush()
        while (request := self.request()) is not None:
            self.writing.write(self.server.call(service, request, b"2") + _RESPONSE_END)
            self.writing.flush()
        return True

    def request(self):
        """What git asks, up to and with its flush packet; None when it hangs up."""
        parts = []
        while True:
            head = self.reading.read(_PACKET)
            if not head and not parts:
                return None
            size = int(head, 16)
            parts.append(head)
            if size == 0:
                return b"".join(parts)
            if size > _PACKET:
                parts.append(self.reading.read(size - _PACKET))

    def list(self, service: str) -> None:
        """The server's references (gitprotocol-pack(5), "Reference Discovery")."""
        rows, heads, format = [], {}, "sha1"
        rest = self.discovered(service)
        if _first_packet(rest)[0].startswith(b"version 1"):
            rest = _first_packet(rest)[1]
        while rest:
            line, rest = _first_packet(rest)
            if not line:
                break
            line, _, said = line.rstrip(b"\n").partition(b"\0")
            for word in said.decode().split(" "):
                key, _, value = word.partition("=")
                if key == "symref":
                    name, _, target = value.partition(":")
                    heads[name] = target
                format = value if key == "object-format" else format
            if line.startswith(b"ERR "):
                raise Failed(f"{self.server.url}: {line[4:].decode('utf-8', 'replace')}")
            digest, _, name = line.decode().partition(" ")
            if name != "capabilities^{}" and not digest.startswith("shallow"):
                rows.append((digest, name))
        lines = [f":object-format {format}"] if self.options.get("object-format") else []
        for digest, name in rows:
            if not name.endswith("^{}"):
                lines.append(f"@{heads[name]} {name}" if name in heads else f"{digest} {name}")
        self.say(*lines, "")

    def fetch(self, lines) -> None:
        """One batch of objects, from a server without version 2."""
        words = ["fetch-pack", "--stateless-rpc", "--stdin", "--lock-pack", "--thin"]
        for name, flag in _FETCH_FLAGS:
            words += [flag] if self.options.get(name) == "true" else []
        for name in ("depth", "filter"):
            words += (
                [f"--{name}={self.options[name]}"] if self.options.get(name, "0") != "0" else []
            )
        if "deepen-since" in self.options:
            words.append(f"--shallow-since={self.options['deepen-since']}")
        words += [f"--shallow-exclude={name}" for name in self.lists["deepen-not"]]
        words += [] if self.options.get("progress") == "true" else ["--no-progress"]
        before = b"".join(_packet(line.encode() + b"\n") for line in lines) + _FLUSH
        self.service("fetch", [*words, self.server.url], before)

    def push(self, lines) -> None:
        """One batch of references to be set."""
        words = ["send-pack", "--stateless-rpc", "--helper-status", "--thin", "--stdin"]
        words += ["--progress" if self.options.get("progress") == "true" else "--no-progress"]
        for name in ("dry-run", "atomic", "force-if-includes"):
            words += [f"--{name}"] if self.options.get(name) == "true" else []
        words += ["--quiet"] if self.options.get("verbosity") == "0" else []
        words += [f"--push-option={value}" for value in self.lists["push-option"]]
        words += [f"--force-with-lease={value}" for value in self.lists["cas"]]
        before = b"".join(_packet(line.encode() + b"\n") for line in lines) + _FLUSH
        self.service("push", [*words, self.server.url], before)

    def service(self, what: str, words, before: bytes) -> None:
        """Let a git of its own speak the protocol, and carry what it says request by request."""
        service = _SERVICE[what]
        client = Client(["git", *words])
        client.write(before + self.discovered(service))
        while (request := client.request()) is not None:
            client.write(self.server.call(service, request))
        said, code = client.end()
        self.writing.write(said)
        self.say("")
        if code:
            raise Failed("")


_OPTIONS = frozenset(
    "verbosity progress followtags cloning update-shallow depth deepen-since deepen-relative dry-run atomic "
    "force-if-includes from-promisor refetch filter object-format check-connectivity".split()
)
_FETCH_FLAGS = (
    ("followtags", "--include-tag"), ("cloning", "--cloning"), ("update-shallow", "--update-shallow"),
    ("deepen-relative", "--deepen-relative"), ("from-promisor", "--from-promisor"), ("refetch", "--refetch"),
)  # fmt: skip


def _unquoted(value: str) -> str:
    """A value that git may have quoted as C does."""
    if not value.startswith('"'):
        return value
    inside = value[1:-1].encode("latin-1", "backslashreplace")
    return inside.decode("unicode_escape").encode("latin-1").decode()


class Client:
    """A git that speaks packets over its standard streams; each request of its is framed by packets."""

    def __init__(self, words) -> None:
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        actions = [(os.POSIX_SPAWN_DUP2, theirs_in, 0), (os.POSIX_SPAWN_DUP2, theirs_out, 1)]
        program = os.environ["GIT_EXEC_PATH"] + "/git"
        self.pid = os.posix_spawn(program, words, os.environ, file_actions=actions)
        os.close(theirs_in)
        os.close(theirs_out)
        self.into = open(ours_in, "wb", buffering=0)
        self.out = open(ours_out, "rb")
        self.rest = b""

    def write(self, data: bytes) -> None:
        """Tell it something; one that has ended has said why."""
        view = memoryview(data)
        try:
            while view:
                view = view[self.into.write(view) :]
        except BrokenPipeError:
            pass  # it has said why

    def request(self):
        """The next request, out of its frame; None when there are no more."""
        parts = []
        while True:
            head = self.out.read(_PACKET)
            try:
                size = int(head, 16) if len(head) == _PACKET else -1
            except ValueError:
                size = -1
            if size < 0:  # no packets any more: its last words
                self.rest = head
                return None
            if size == 0:
                return b"".join(parts) if parts else None
            parts.append(self.out.read(size - _PACKET))

    def end(self):
        """What it said in the end, and its exit code."""
        self.into.close()
        said = self.rest + self.out.read()
        return said, os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def main() -> int:
    """``git-remote-https REMOTE URL``."""
    conversation = Conversation(sys.argv[2] if len(sys.argv) > 2 else sys.argv[1])
    try:
        return conversation.run()
    except Failed as error:
        if str(error):
            print(f"fatal: {error}", file=sys.stderr, flush=True)
    except (BrokenPipeError, EOFError):
        pass
    return 128
