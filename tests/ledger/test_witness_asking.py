"""Asking witnesses: processes that serve, sockets that lie, hang or are not there."""

import datetime as dt
import ipaddress
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ledger import (
    Checkpoint,
    Cosigner,
    Policy,
    QuorumError,
    Signer,
    Witness,
    WitnessError,
    Witnesses,
    confirmations,
)
from ledger.trust import checkpoint as checkpoints
from ledger.trust.cosignature import Algorithm
from ledger.trust.note import parse
from ledger.witness.line import Line
from ledger.witness.request import AddCheckpoint
from tests.ledger.witnessing import Growing, Serve, command, environment

A, B, C, D = (Cosigner(f"{n}.example", n.encode() * 32) for n in "abcd")
KNOWN = tuple(Witness(each.public) for each in (A, B, C, D))


@pytest.fixture
def log(signer: Signer) -> Growing:
    return Growing(signer)


def head(log: Growing, size: int) -> Checkpoint:
    return checkpoints.read(log.note(size).encode())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as spare:
        return int(spare.getsockname()[1])


@contextmanager
def answering(
    say: Callable[[bytes, socket.socket], None], tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """A socket that takes one request a connection and lets ``say`` answer."""
    listener = socket.create_server(("127.0.0.1", 0))
    opened: list[socket.socket] = []

    def each(plain: socket.socket) -> None:
        with tls.wrap_socket(plain, server_side=True) if tls else plain as connection:
            data = b""
            while b"\r\n\r\n" not in data or not data.rstrip(b"\n").endswith(b"="):
                part = connection.recv(65536)
                if not part:
                    return
                data += part
            say(data.split(b"\r\n\r\n", 1)[1], connection)

    def accept() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            opened.append(connection)
            threading.Thread(target=swallowed, args=(connection,), daemon=True).start()

    def swallowed(connection: socket.socket) -> None:
        with suppress(OSError):  # the client went away, as it should
            each(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        for connection in opened:
            connection.close()


def http(status: str, body: bytes, kind: str = "text/plain", more: str = "") -> bytes:
    top = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return top.encode() + body


def saying(answer: bytes) -> Callable[[bytes, socket.socket], None]:
    def say(_: bytes, connection: socket.socket) -> None:
        connection.sendall(answer)

    return say


def test_two_of_three_confirm(serve: Serve, log: Growing) -> None:
    key = str(log.signer.public)
    kinds = (Algorithm.ED25519, Algorithm.ML_DSA_44, Algorithm.ED25519)
    running = [serve(key, name=f"w.example/{n}", store=f"s{n}", algorithm=a) for n, a in enumerate(kinds)]  # fmt: skip
    known = tuple(Witness(each.keys[0], each.url) for each in running)
    with Witnesses(Policy(required=2, witnesses=known), grace_s=5) as witnesses:
        found = witnesses.confirm(head(log, 3), log.proof)
        assert len(confirmations(parse(found.note), witnesses.policy)) == 3
        assert found.note.startswith(log.note(3).encode())
        assert checkpoints.verified(found.note, log.signer.public).root == found.root
        running[0].end()
        again = witnesses.confirm(head(log, 8), log.proof)
        assert set(confirmations(parse(again.note), witnesses.policy)) == set(known[1:])
        running[1].end()
        with pytest.raises(QuorumError, match="refused") as too_few:
            witnesses.confirm(head(log, 9), log.proof)
        assert too_few.value.confirmed in {("w.example/2",), ()}
        assert {"w.example/0", "w.example/1"} <= set(too_few.value.reasons)
    # Another process of the log knows nothing of what was confirmed, and learns it by 409.
    asked: list[tuple[int, int]] = []

    def consistency(old: int, new: int) -> tuple[bytes, ...]:
        asked.append((old, new))
        assert threading.current_thread() is threading.main_thread()
        return log.proof(old, new)

    with Witnesses(Policy(required=1, witnesses=known[2:])) as fresh:
        fresh.confirm(head(log, 12), consistency)
        fresh.confirm(head(log, 12), consistency)
        fresh.confirm(head(log, 13), consistency)
    # What the third had confirmed when it was no longer waited for is 8, then 9.
    assert asked[:-1] in ([(8, 12)], [(9, 12)], [(8, 12), (9, 12)])
    assert asked[-1] == (12, 13)


def test_sizes_are_remembered_from_a_published_checkpoint(serve: Serve, log: Growing) -> None:
    running = serve(str(log.signer.public))
    policy = Policy(1, (Witness(running.keys[0], running.url),))
    with Witnesses(policy) as witnesses:
        published = witnesses.confirm(head(log, 5), log.proof).note
    asked: list[int] = []

    def consistency(old: int, new: int) -> tuple[bytes, ...]:
        asked.append(old)
        return log.proof(old, new)

    with Witnesses(policy) as later:
        assert later.remember(published)
        assert not later.remember(log.note(7).encode())
        assert not later.remember(b"no note")
        later.confirm(head(log, 9), consistency)
    assert asked == [5]


def test_a_rolled_back_log_and_a_fork_find_no_quorum(serve: Serve, log: Growing) -> None:
    running = serve(str(log.signer.public))
    policy = Policy(1, (Witness(running.keys[0], running.url),))
    with Witnesses(policy) as witnesses:
        witnesses.confirm(head(log, 9), log.proof)
        with pytest.raises(QuorumError, match="rolled back"):
            witnesses.confirm(head(log, 5), log.proof)
        other = Growing(log.signer, b"other")
        for size in (9, 12):
            with pytest.raises(QuorumError, match="422: bad consistency proof"):
                witnesses.confirm(head(other, size), other.proof)
        thief = Growing(Signer(log.signer.name, bytes(32)))
        with pytest.raises(QuorumError, match="403: invalid signature"):
            witnesses.confirm(head(thief, 12), thief.proof)
        stranger = Growing(Signer("stranger.example", bytes(32)))
        with pytest.raises(QuorumError, match="404: unknown log"):
            witnesses.confirm(head(stranger, 9), stranger.proof)
    with Witnesses(policy) as fresh, pytest.raises(QuorumError, match="rolled back"):
        fresh.confirm(head(log, 5), log.proof)
    with Witnesses(policy) as fresh:  # the truth still finds one
        assert fresh.confirm(head(log, 12), log.proof).size == 12


def lying(body: bytes, connection: socket.socket) -> None:
    text = AddCheckpoint.parse(body).note.text
    wrong = A.cosign(text.replace("\n3\n", "\n4\n"), 1_700_000_000)
    connection.sendall(http("200 OK", wrong.line().encode()))


def another(body: bytes, connection: socket.socket) -> None:
    other = B.cosign(AddCheckpoint.parse(body).note.text, 1_700_000_000)
    connection.sendall(http("200 OK", other.line().encode()))


def timeless(body: bytes, connection: socket.socket) -> None:
    text = AddCheckpoint.parse(body).note.text
    signature = A.cosign(text, 1)
    zero = type(signature)(signature.name, signature.key_id, bytes(8) + signature.value[8:])
    connection.sendall(http("200 OK", zero.line().encode()))


@pytest.mark.parametrize(
    ("say", "reason"),
    [
        (lying, "does not verify"),
        (another, "expected a signature by a.example"),
        (timeless, "expected a time"),
        (saying(http("200 OK", b"")), "does not hold"),
        (saying(http("200 OK", b"\xff\n")), "does not hold"),
        (saying(http("200 OK", b"x" * 100_000)), "more than"),
        (saying(http("409 Conflict", b"3\n")), "without a size"),
        (saying(http("409 Conflict", b"03\n", "text/x.tlog.size")), "without a size"),
        (saying(http("409 Conflict", b"x\n", "text/x.tlog.size")), "without a size"),
        (saying(http("409 Conflict", b"9\n", "text/x.tlog.size")), "rolled back"),
        (saying(http("409 Conflict", b"2\n", "text/x.tlog.size")), "4 times"),
        (saying(http("302 Found", b"", more="Location: http://127.0.0.1:1/\r\n")), "302"),
        (saying(http("500 Internal Server Error", b"\x1b[31mno")), "500"),
        (saying(b"SSH-2.0-nonsense\r\n"), "expected an answer, found none"),
        (
            saying(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"),
            "expected an answer, found none",
        ),
        (saying(b""), "expected an answer, found none"),
    ],
)
def test_witnesses_that_lie_or_talk_nonsense(
    log: Growing, say: Callable[[bytes, socket.socket], None], reason: str
) -> None:
    with answering(say) as url:
        policy = Policy(1, (Witness(A.public, url),))
        with Witnesses(policy) as witnesses, pytest.raises(QuorumError, match=reason) as refused:
            witnesses.confirm(head(log, 3), log.proof)
        assert refused.value.confirmed == ()


def drip(_: bytes, connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"x")
        time.sleep(0.05)


def silent(_: bytes, connection: socket.socket) -> None:
    connection.recv(1)


@pytest.mark.parametrize("say", [silent, drip])
def test_witnesses_that_hang_are_left_at_the_deadline(
    serve: Serve, log: Growing, say: Callable[[bytes, socket.socket], None]
) -> None:
    running = serve(str(log.signer.public))
    with answering(say) as url:
        slow, quick = Witness(A.public, url), Witness(running.keys[0], running.url)
        with Witnesses(Policy(2, (slow, quick)), deadline_s=0.4) as witnesses:
            for size in (3, 4):
                began = time.monotonic()
                with pytest.raises(QuorumError, match=r"no answer within 0\.4 s") as late:
                    witnesses.confirm(head(log, size), log.proof)
                assert 0.3 < time.monotonic() - began < 5
                assert "a.example" not in late.value.confirmed
                assert "no answer" in late.value.reasons["a.example"]
        with Witnesses(Policy(1, (slow, quick)), deadline_s=30) as witnesses:
            began = time.monotonic()
            witnesses.confirm(head(log, 5), log.proof)
            assert time.monotonic() - began < 20
    until = time.monotonic() + 5
    while any(t.name.startswith("witness ") for t in threading.enumerate()):
        assert time.monotonic() < until, "a thread outlived its question"
        time.sleep(0.01)


def test_a_slow_witness_is_left_to_finish(serve: Serve, log: Growing) -> None:
    running = serve(str(log.signer.public))
    memory: list[int] = [0]
    asked: list[tuple[int, int]] = []

    def slowly(body: bytes, connection: socket.socket) -> None:
        request = AddCheckpoint.parse(body)
        size = request.head().size
        asked.append((request.old, size))
        time.sleep(0.15)
        if request.old != memory[0]:
            size_line = f"{memory[0]}\n".encode()
            connection.sendall(http("409 Conflict", size_line, "text/x.tlog.size"))
            return
        memory[0] = size
        cosigned_line = A.cosign(request.note.text, 1_700_000_000).line().encode()
        connection.sendall(http("200 OK", cosigned_line))

    with answering(slowly) as url:
        slow, quick = Witness(A.public, url), Witness(running.keys[0], running.url)
        with Witnesses(Policy(1, (slow, quick)), grace_s=0) as witnesses:
            for size in (3, 4, 5):
                witnesses.confirm(head(log, size), log.proof)
            assert asked == [(0, 3)]
            until = time.monotonic() + 5
            while memory[0] != 3:
                assert time.monotonic() < until
                time.sleep(0.01)
            running.end()  # now the slow one is needed: heard late, then asked for this head
            found = witnesses.confirm(head(log, 9), log.proof)
            assert list(confirmations(parse(found.note), witnesses.policy)) == [slow]
        assert asked == [(0, 3), (3, 9)]


def test_hopeless_rounds_end_at_once(log: Growing) -> None:
    down = Witness(A.public, f"http://127.0.0.1:{free_port()}")
    with answering(silent) as url:
        policy = Policy(2, (down, Witness(B.public, url)))
        began = time.monotonic()
        with Witnesses(policy, deadline_s=30) as witnesses, pytest.raises(QuorumError) as failed:
            witnesses.confirm(head(log, 3), log.proof)
        assert time.monotonic() - began < 5
    assert "expected an answer, found none" in failed.value.reasons["a.example"]
    assert failed.value.reasons["b.example"] == "no longer waited for"


def test_a_witness_that_restarts_is_asked_again(serve: Serve, log: Growing, tmp_path: Path) -> None:
    running = serve(str(log.signer.public))
    policy = Policy(1, (Witness(running.keys[0], running.url),))
    with Witnesses(policy) as witnesses:
        witnesses.confirm(head(log, 3), log.proof)
        assert running.end() == (0, "")
        with pytest.raises(QuorumError):
            witnesses.confirm(head(log, 4), log.proof)
        words = [
            "serve",
            "--key",
            str(tmp_path / "w.example-1.key"),
            "--store",
            str(tmp_path / "store"),
        ]
        words += ["--listen", f"127.0.0.1:{running.port}", "--log", str(log.signer.public)]
        with subprocess.Popen(
            command(*words), env=environment(), stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("listening")
            assert witnesses.confirm(head(log, 4), log.proof).size == 4
            process.terminate()


def test_failing_proofs_stop_the_round(serve: Serve, log: Growing) -> None:
    running = serve(str(log.signer.public))

    def broken(old: int, new: int) -> tuple[bytes, ...]:
        raise KeyError(old, new)

    with Witnesses(Policy(1, (Witness(running.keys[0], running.url),))) as witnesses:
        witnesses.confirm(head(log, 3), broken)
        with pytest.raises(KeyError):
            witnesses.confirm(head(log, 5), broken)
        assert witnesses.confirm(head(log, 5), log.proof).size == 5


def honest(body: bytes, connection: socket.socket) -> None:
    text = AddCheckpoint.parse(body).note.text
    connection.sendall(http("200 OK", A.cosign(text, 1_700_000_000).line().encode()))


def certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that nobody but its own file vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "witness")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "witness.pem"
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return file


def test_tls_is_verified(log: Growing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    with answering(honest, tls) as url:
        policy = Policy(1, (Witness(A.public, url),))
        with Witnesses(policy) as strangers, pytest.raises(QuorumError, match="certificate"):
            strangers.confirm(head(log, 3), log.proof)
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        with Witnesses(policy) as friends:
            assert friends.confirm(head(log, 3), log.proof).size == 3


def test_earlier_cosignatures_are_replaced_and_others_kept(serve: Serve, log: Growing) -> None:
    running = serve(str(log.signer.public))
    policy = Policy(1, (Witness(running.keys[0], running.url),))
    foreign = D.cosign(log.note(3).text, 5)
    note = log.note(3).adding([foreign])
    with Witnesses(policy) as witnesses:
        first = witnesses.confirm(checkpoints.read(note.encode()), log.proof)
        second = witnesses.confirm(first, log.proof)
    assert len(parse(first.note).signatures) == len(parse(second.note).signatures) == 3
    assert foreign in parse(second.note).signatures


def test_no_url_no_answer(log: Growing) -> None:
    unasked = Witnesses(Policy(1, KNOWN[:1]))
    with pytest.raises(QuorumError, match="no URL"):
        unasked.confirm(head(log, 3), log.proof)
    with Witnesses(Policy(0)) as nobody:
        assert nobody.confirm(head(log, 3), log.proof).note == log.note(3).encode()


@pytest.mark.parametrize(
    "url",
    ["a.example", "ftp://a.example/", "http://", "http://u:p@a.example/", "http://a.example/?q",
     "http://a.example:x/", "http://a.example:99999/", "http://a.exa\nmple/", "http://a.example/#f"],
)  # fmt: skip
def test_what_is_no_url_of_a_witness(url: str) -> None:
    with pytest.raises(WitnessError):
        Line(url)
