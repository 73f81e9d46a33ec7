"""A witness as a process of its own, asked over real sockets, by others' vectors and by us."""

import json
import socket
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import PublicKey, Signer
from ledger.errors import RefusedHead
from ledger.trust.cosignature import Algorithm, Cosigner, CosignerKey, cosigned_at
from ledger.trust.note import Note, accepted, encode64, parse, parse_signatures
from ledger.witness.key_file import create_cosigner
from ledger.witness.request import MAX_REQUEST_BYTES, AddCheckpoint
from tests.ledger.witnessing import ROOT, Growing, Running, Serve, command, environment

VECTORS = ROOT / "tests/vectors/FiloSottile_torchwood/add_checkpoint_exchanges.json"
SUPERSEDED = {2: 404}
"""Exchange 3 records 403 for an unknown origin, as that version of litewitness answered; C2SP
tlog-witness has always demanded 404 there, and keeps 403 for wrong signatures."""


@pytest.fixture
def log(signer: Signer) -> Growing:
    return Growing(signer)


def test_the_nine_exchanges_of_torchwood(serve: Serve) -> None:
    data = json.loads(VECTORS.read_text("utf-8"))
    origin = data["exchanges_in_order"][0]["body"].split("\n")[2]
    key = PublicKey(origin, bytes.fromhex(data["log_pubkey_ed25519_hex"]))
    running = serve(str(key), name=data["witness_name"])
    assert len(data["exchanges_in_order"]) == 9
    for number, exchange in enumerate(data["exchanges_in_order"]):
        status, kind, body = running.ask("POST", exchange["path"], exchange["body"].encode())
        assert status == SUPERSEDED.get(number, exchange["want_status"]), (number, body)
        for claim in exchange["asserts"]:
            holds, _, value = claim.partition(' "')
            text = json.loads(f'"{value}')
            found = body.decode()
            assert (text in found) if holds == "body contains" else (text == found), number
        assert (kind == "text/x.tlog.size") == (status == 409)
        if status == 200:
            note = AddCheckpoint.parse(exchange["body"].encode()).note
            (signature,) = parse_signatures(body.decode())
            running.keys[0].verify(Note(note.text, (signature,)))


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_log_grows_under_a_witness(serve: Serve, log: Growing, algorithm: Algorithm) -> None:
    running = serve(str(log.signer.public), algorithm=algorithm)
    before = 0
    for size in (0, 1, 1, 5, 8, 64):
        status, _, body = running.add(log.request(before, size))
        assert status == 200, body
        (signature,) = parse_signatures(body.decode())
        running.keys[0].verify(Note(log.note(size).text, (signature,)))
        assert cosigned_at(signature) > 1_700_000_000
        before = size
    name = sha256(log.signer.name.encode()).hexdigest()
    status, _, published = running.ask("GET", f"/{name}/checkpoint")
    assert status == 200
    assert len(accepted(parse(published), (*running.keys, log.signer.public))) == 2


def test_what_a_witness_refuses(serve: Serve, log: Growing, signer: Signer) -> None:
    running = serve(str(signer.public))
    assert running.add(log.request(0, 5))[0] == 200
    other = Growing(signer, b"other")
    wrong_root = signer.sign(f"{signer.name}\n0\n{encode64(bytes(32))}\n")
    thief = Growing(Signer(signer.name, bytes(32)))
    stranger = Growing(Signer("stranger.example", bytes(32)))
    refused = [
        (422, AddCheckpoint(5, (), other.note(5))),  # a fork at the same size
        (422, other.request(5, 9)),  # a fork beyond it
        (422, AddCheckpoint(5, log.proof(5, 9)[:-1], log.note(9))),
        (422, AddCheckpoint(5, log.proof(4, 5), log.note(5))),
        (409, log.request(4, 9)),
        (409, log.request(0, 3)),  # rolled back, and asked as if new
        (409, AddCheckpoint(0, (), wrong_root)),
        (400, AddCheckpoint(5, (), log.note(3))),  # rolled back
        (403, thief.request(5, 9)),
        (404, stranger.request(0, 1)),
    ]
    for status, request in refused:
        assert running.add(request)[0] == status, request
    assert running.add(log.request(5, 9))[0] == 200
    assert running.add(log.request(0, 9))[1:] == ("text/x.tlog.size", b"9\n")
    name = sha256(signer.name.encode()).hexdigest()
    fork = parse((running_store(running) / "heads" / name / "fork").read_bytes())
    assert fork == other.note(5)
    signer.public.verify(fork)


def running_store(running: Running) -> Path:
    words = running.process.args
    assert isinstance(words, list)
    return Path(str(words[words.index("--store") + 1]))


def test_the_empty_tree_has_one_root(serve: Serve, signer: Signer) -> None:
    running = serve(str(signer.public))
    wrong = signer.sign(f"{signer.name}\n0\n{encode64(bytes(32))}\n")
    assert running.add(AddCheckpoint(0, (), wrong))[0] == 422
    proof = AddCheckpoint(0, (bytes(32),), Growing(signer).note(1))
    assert running.add(proof)[0] == 422


SPOILED: list[tuple[Callable[[bytes], bytes], int]] = [
    (lambda _: b"", 400),
    (lambda b: b.replace(b"old 0", b"old 00"), 400),
    (lambda b: b.replace(b"old 0", b"old -1"), 400),
    (lambda b: b.replace(b"old 0", b"old  0"), 400),
    (lambda b: b.replace(b"old 0", b"old 9223372036854775808"), 400),
    (lambda b: b.replace(b"old 0\n", b"old 0\r\n"), 400),
    (lambda b: b.replace(b"old 0\n", b"old 0\n" + b"A" * 44 + b"\n"), 400),
    (lambda b: b.replace(b"old 0\n", b"old 0\n" + (b"A" * 43 + b"=\n") * 64), 400),
    (lambda b: b.replace(b"old 0\n", b"old 0\nAAAA\n"), 400),
    (lambda b: b[:-1], 400),
    (lambda b: b[:-3] + b"\n", 403),
    (lambda b: b.replace(b"\n\n\xe2", b"\n\xe2"), 400),
    (lambda b: b.split(b"\n\n", 1)[0], 400),
    (lambda b: b + b"x" * MAX_REQUEST_BYTES, 413),
    (lambda b: b.replace(b"old", b"\xff\xfe"), 400),
]


def test_malformed_requests(malformed: Running, log: Growing) -> None:
    good = log.request(0, 3).encode()
    for number, (spoil, status) in enumerate(SPOILED):
        assert malformed.ask("POST", "/add-checkpoint", spoil(good))[0] == status, number
    assert malformed.ask("POST", "/add-checkpoint", good)[0] == 200


@pytest.fixture
def malformed(serve: Serve, signer: Signer) -> Running:
    return serve(str(signer.public))


def test_a_signed_text_that_is_no_checkpoint(malformed: Running, signer: Signer) -> None:
    for text in ("", "5\n", "x\nAAAA\n", f"05\n{encode64(bytes(32))}\n", f"{2**63}\nAAAA\n"):
        note = signer.sign(f"{signer.name}\n{text}")
        assert malformed.add(AddCheckpoint(0, (), note))[0] == 400, text


def test_methods_and_paths(malformed: Running) -> None:
    assert malformed.ask("GET", "/add-checkpoint")[0] == 405
    assert malformed.ask("POST", f"/{'0' * 64}/checkpoint", b"")[0] == 405
    assert malformed.ask("GET", f"/{'0' * 64}/checkpoint")[0] == 404
    for path in ("/", "/../logs", f"/{'0' * 63}G/checkpoint", "/%2e%2e/checkpoint"):
        assert malformed.ask("GET", path)[0] == 404


def test_unknown_signatures_are_ignored_and_not_passed_on(serve: Serve, log: Growing) -> None:
    running = serve(str(log.signer.public))
    foreign = Signer("foreign.example", bytes(32)).sign(log.note(3).text).signatures
    note = log.note(3).adding(foreign)
    assert running.add(AddCheckpoint(0, (), note))[0] == 200
    name = sha256(log.signer.name.encode()).hexdigest()
    assert b"foreign" not in running.ask("GET", f"/{name}/checkpoint")[2]


def test_opaque_extension_lines_are_cosigned(serve: Serve, log: Growing) -> None:
    running = serve(str(log.signer.public))
    note = log.note(3, "same word\nsame word\n")
    status, _, body = running.add(AddCheckpoint(0, (), note))
    assert status == 200
    running.keys[0].verify(note.adding(parse_signatures(body.decode())))


def test_memory_outlives_kill_and_serves_two_processes(serve: Serve, log: Growing) -> None:
    first = serve(str(log.signer.public))
    assert first.add(log.request(0, 3))[0] == 200
    first.process.kill()
    first.process.wait(20)
    second, third = serve(str(log.signer.public)), serve(str(log.signer.public))
    assert second.add(log.request(0, 5))[2] == b"3\n"
    assert second.add(log.request(3, 5))[0] == 200
    assert third.add(log.request(3, 6))[2] == b"5\n"
    assert third.add(log.request(5, 6))[0] == 200


def test_of_forks_asked_at_once_one_is_cosigned(serve: Serve, signer: Signer) -> None:
    here, there = serve(str(signer.public)), serve(str(signer.public))
    branches = [Growing(signer, bytes([n])) for n in range(16)]
    with ThreadPoolExecutor(8) as pool:
        asked = [
            pool.submit((here, there)[n % 2].add, branch.request(0, 7))
            for n, branch in enumerate(branches)
        ]
        statuses = [each.result()[0] for each in asked]
    assert sorted(statuses) == [200] + [409] * 15
    winner = branches[statuses.index(200)]
    assert there.add(winner.request(7, 9))[0] == 200


def test_sigterm_ends_it_cleanly_even_with_an_open_connection(serve: Serve, log: Growing) -> None:
    running = serve(str(log.signer.public))
    with socket.create_connection((running.host, running.port)) as idle:
        idle.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 100\r\n\r\nold")
        assert running.add(log.request(0, 1))[0] == 200
        assert running.end() == (0, "")


def test_logs_are_added_while_it_runs(serve: Serve, log: Growing, tmp_path: Path) -> None:
    running = serve(str(Signer("another.example", bytes(32)).public))
    assert running.add(log.request(0, 1))[0] == 404
    file = tmp_path / "log.vkey"
    file.write_text(f"{log.signer.public}\n", "utf-8")
    words = command("add-log", "--store", str(tmp_path / "store"), str(file))
    for expected in ("added", "known"):
        ran = subprocess.run(words, env=environment(), capture_output=True, text=True, check=True)
        assert ran.stdout.startswith(expected)
    assert running.add(log.request(0, 1))[0] == 200


def test_a_damaged_memory_stops_the_witness(serve: Serve, log: Growing) -> None:
    running = serve(str(log.signer.public))
    assert running.add(log.request(0, 3))[0] == 200
    path = running_store(running) / "heads" / sha256(log.signer.name.encode()).hexdigest()
    head = path / "checkpoint"
    good = head.read_bytes()
    # An older head that the log did sign: only the witness' own cosignature tells.
    for bad in (log.note(1).encode(), good.replace(b"\n3\n", b"\n2\n"), b"", good[:-9]):
        head.write_bytes(bad)
        status, _, body = running.add(log.request(3, 4))
        assert (status, b"nothing was cosigned" in body) == (500, True)
    with pytest.raises(AssertionError, match="never delete it"):
        serve(str(log.signer.public))
    head.write_bytes(good)
    assert running.add(log.request(3, 4))[0] == 200
    assert "damaged" in running.end()[1]


def test_keys_are_made_once_and_shown(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "w"
    made = subprocess.run(
        command("key", str(file), "--name", "w.example", "--algorithm", "ml-dsa-44"),
        env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert CosignerKey.parse(made.stdout).algorithm is Algorithm.ML_DSA_44
    assert file.stat().st_mode & 0o777 == 0o600
    shown = subprocess.run(
        command("key", str(file)), env=environment(), capture_output=True, text=True, check=True
    )
    assert shown.stdout == made.stdout
    for words in (("--name", "w.example"), ()):
        if not words:
            file.chmod(0o644)
        ran = subprocess.run(
            command("key", str(file), *words), env=environment(), capture_output=True, check=False
        )
        assert ran.returncode == 2


def test_it_does_not_start_without_a_log_a_port_or_a_key(serve: Serve, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="at least one log"):
        serve()
    create_cosigner(tmp_path / "k", "w.example", Algorithm.ED25519)
    log_key = str(Signer("a.example", bytes(32)).public)
    words = command("serve", "--key", str(tmp_path / "k"), "--store", str(tmp_path / "s"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for at in (f"127.0.0.1:{taken.getsockname()[1]}", "nonsense", "127.0.0.1:99999"):
            ran = subprocess.run(
                [*words, "--listen", at, "--log", log_key],
                env=environment(), capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert ran.returncode == 1, ran
            assert "expected" in ran.stderr
    signing = tmp_path / "signing"
    signing.write_text(f"{Signer('a.example', bytes(32)).secret_text()}\n", "utf-8")
    signing.chmod(0o600)
    ran = subprocess.run(
        command("key", str(signing)), env=environment(), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert "PRIVATE" not in ran.stderr


def test_nothing_secret_is_shown() -> None:
    cosigner = Cosigner("w.example", bytes(range(32)))
    assert cosigner.secret_text() not in repr(cosigner)
    assert encode64(bytes(range(32)))[:20] not in repr(cosigner)


@given(
    old=st.integers(0, 2**63 - 1),
    proof=st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    text=st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1),
)
def test_requests_are_read_as_they_were_written(old: int, proof: list[bytes], text: str) -> None:
    note = Signer("a.example", bytes(32)).sign(f"{text}\n")
    request = AddCheckpoint(old, tuple(proof), note)
    assert AddCheckpoint.parse(request.encode()) == request


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 255))
def test_any_bytes_are_a_request_or_refused(data: bytes, at: int, value: int) -> None:
    note = Signer("a.example", bytes(32)).sign("a.example\n3\n")
    good = AddCheckpoint(2, (bytes(32), bytes(32)), note).encode()
    spoiled = good[:at] + bytes([value]) + good[at + 1 :]
    for body in (data, b"old 0\n\n" + data, spoiled):
        found = read_or_status(body)
        assert found == 400 or not isinstance(found, int)
        if isinstance(found, AddCheckpoint):
            assert found.flaw or found.encode() == body


def read_or_status(body: bytes) -> AddCheckpoint | int:
    try:
        return AddCheckpoint.parse(body)
    except RefusedHead as refusal:
        return refusal.status
