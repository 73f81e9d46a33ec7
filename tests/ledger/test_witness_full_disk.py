"""A witness without room: it cosigns nothing that it could not keep, says so, and goes on later."""

import os
import resource
import subprocess
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest

from ledger import Signer
from ledger.trust.note import Note, parse, parse_signatures
from ledger.witness.store import origin_hash
from tests.ledger.conftest import ORIGIN
from tests.ledger.test_bad_input import mounted
from tests.ledger.test_fault_strace import usable
from tests.ledger.witnessing import Growing, Running, Serve, serving

Filled = Callable[[], None]


def full_then_room(running: Running, log: Growing, fill: Filled, make_room: Filled) -> None:
    """Known logs and an unknown one are refused by name; what stood before stands."""
    mine = f"/{origin_hash(ORIGIN)}/checkpoint"
    assert running.add(log.request(0, 3))[0] == 200
    kept = running.ask("GET", mine)
    assert kept[0] == 200
    for _ in range(2):
        fill()
        for _ in range(3):
            status, kind, said = running.add(log.request(3, 5))
            assert (status, kind) == (507, "text/plain; charset=utf-8")
            assert said.startswith(b"the witness has no room to remember this head"), said
            assert running.ask("GET", mine) == kept
        make_room()
    status, _, lines = running.add(log.request(3, 5))
    assert status == 200
    running.keys[0].verify(Note(log.note(5).text, parse_signatures(lines.decode())))
    assert parse(running.ask("GET", mine)[2]).text == log.note(5).text
    assert running.add(log.request(3, 9))[0] == 409, "it remembers what it cosigned"
    assert running.add(log.request(5, 9))[0] == 200
    code, said_to_operator = running.end()
    assert code == 0
    assert said_to_operator.count("make room") == 6
    assert "Traceback" not in said_to_operator


def limit(pid: int, soft: int, hard: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def log(signer: Signer) -> Growing:
    return Growing(signer)


def test_a_limit_on_the_size_of_files(serve: Serve, log: Growing, signer: Signer) -> None:
    """As anybody may set it for a process that runs."""
    running = serve(str(signer.public))
    pid = running.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    full_then_room(
        running,
        log,
        partial(limit, pid, 100, hard),
        partial(limit, pid, soft, hard),
    )


@pytest.mark.slow
def test_a_full_disk(log: Growing, signer: Signer) -> None:
    """A real one: no page is left, then the file that fills it goes."""
    with mounted("size=256k") as base, serving(base) as serve:
        running, filler = serve(str(signer.public)), base / "filler"

        def fill() -> None:
            with filler.open("ab") as file:
                descriptor = file.fileno()
                with suppress(OSError):
                    while True:
                        os.write(descriptor, bytes(512))

        full_then_room(running, log, fill, filler.unlink)


@pytest.mark.slow
def test_a_log_that_comes_when_the_disk_is_full(log: Growing, signer: Signer) -> None:
    """Even its folder finds no room; afterwards it is as if it had never asked."""
    with mounted("size=256k,nr_inodes=9") as base, serving(base) as serve:
        running, made = serve(str(signer.public)), []
        for number in range(20):
            try:
                (base / str(number)).touch()
            except OSError:
                break
            made.append(base / str(number))
        assert running.add(log.request(0, 3))[0] == 507
        assert running.ask("GET", f"/{origin_hash(ORIGIN)}/checkpoint")[0] == 404
        for path in made:
            path.unlink()
        assert running.add(log.request(0, 3))[0] == 200
        assert running.end()[0] == 0


@pytest.mark.slow
@pytest.mark.skipif(not usable(), reason="strace is absent or may not trace here")
@pytest.mark.parametrize("call", ["fsync", "renameat"])
def test_the_kernel_finds_no_room_at(call: str, serve: Serve, log: Growing, signer: Signer) -> None:
    """Late: some file systems look for room at a sync, or for a name at a rename."""
    running = serve(str(signer.public))
    tracers: list[subprocess.Popen[str]] = []

    def fill() -> None:
        words = ["strace", "-f", "-e", f"trace={call}", "-e", f"inject={call}:error=ENOSPC"]
        words += ["-p", str(running.process.pid)]
        tracers.append(subprocess.Popen(words, stderr=subprocess.PIPE, text=True))
        stream = tracers[-1].stderr
        assert stream is not None
        assert "attached" in stream.readline()

    def make_room() -> None:
        tracers[-1].terminate()
        assert "INJECTED" in tracers[-1].communicate(timeout=20)[1]

    try:
        full_then_room(running, log, fill, make_room)
    finally:
        for each in tracers:
            if each.poll() is None:  # a test that failed leaves nothing behind
                each.terminate()
                each.communicate(timeout=20)
