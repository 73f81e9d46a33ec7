"""What a witness remembers, with every call on the disk going wrong in every way."""

import errno
import os
import resource
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from ledger import LedgerError, Signer, WitnessError
from ledger.errors import WitnessFull, WitnessStoreError
from ledger.trust.cosignature import Cosigner
from ledger.trust.note import Note, parse_signatures
from ledger.witness import store as stores
from ledger.witness.known_logs import KnownLogs, add_log, read_logs
from ledger.witness.service import WitnessService
from ledger.witness.store import WitnessStore, origin_hash
from tests.ledger.witnessing import Growing

CALLS = ("mkdir", "open", "write", "fsync", "rename")
COSIGNER = Cosigner("w.example/1", bytes(32))


class Killed(BaseException):
    """The process ends here."""


def service(folder: Path, log: Growing) -> WitnessService:
    memory = WitnessStore(folder, (COSIGNER.public,))
    logs = KnownLogs([log.signer.public], folder / "logs")
    return WitnessService((COSIGNER,), logs, memory, lambda: 1_700_000_000_000_000_000)


def wrong(
    real: Callable[..., Any], kind: str, at: int, count: list[int], error: int = errno.EIO
) -> Callable[..., Any]:
    def called(*given: Any, **named: Any) -> Any:
        count[0] += 1
        if count[0] != at:
            return real(*given, **named)
        if kind.endswith("persisted"):
            done = real(*given, **named)
            if isinstance(done, int) and real is os.open:
                os.close(done)
        if kind.startswith("killed"):
            raise Killed
        raise OSError(error, os.strerror(error))

    return called


def attempt(
    monkeypatch: pytest.MonkeyPatch, call: str, kind: str, at: int, act: Callable[[], bytes]
) -> tuple[bytes | None, bool]:
    """What ``act`` answered, if it did, and whether the fault was met."""
    count = [0]
    with monkeypatch.context() as patch:
        patch.setattr(os, call, wrong(getattr(os, call), kind, at, count))
        try:
            return act(), count[0] >= at
        except (WitnessError, Killed):
            return None, count[0] >= at


@pytest.mark.parametrize("kind", ["fails", "fails, persisted", "killed", "killed, persisted"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("known", [0, 3])
def test_every_call_going_wrong(
    monkeypatch: pytest.MonkeyPatch,
    signer: Signer,
    tmp_path: Path,
    call: str,
    kind: str,
    known: int,
) -> None:
    log, other = Growing(signer), Growing(signer, b"other")
    met = True
    at = 0
    while met:
        at += 1
        folder = tmp_path / f"{call}-{kind}-{at}"
        running = service(folder, log)
        if known:
            running.add_checkpoint(log.request(0, known).encode())
        request = log.request(known, 5).encode()
        answered, met = attempt(
            monkeypatch, call, kind, at, lambda r=running, q=request: r.add_checkpoint(q)
        )
        assert answered is not None or met
        if answered is None and kind.startswith("fails") and call in {"fsync", "rename"}:
            with pytest.raises(WitnessStoreError, match="restart"):
                running.add_checkpoint(log.request(known, 5).encode())
        again = service(folder, log)
        head = WitnessStore(folder, (COSIGNER.public,)).latest(signer.name)
        size = 0 if head is None else head.head.size
        assert size == 5 if answered else size in {known, 5}
        if size == 5:
            with pytest.raises(WitnessError):
                again.add_checkpoint(other.request(5, 9).encode())
        lines = again.add_checkpoint(log.request(size, 9).encode())
        COSIGNER.public.verify(Note(log.note(9).text, parse_signatures(lines.decode())))
    assert at > 1


def test_no_room_changes_nothing_and_may_be_tried_again(signer: Signer, tmp_path: Path) -> None:
    log = Growing(signer)
    running = service(tmp_path, log)
    running.add_checkpoint(log.request(0, 3).encode())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(WitnessStoreError, match="File too large"):
            running.add_checkpoint(log.request(3, 5).encode())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert running.add_checkpoint(log.request(3, 5).encode())


@pytest.mark.parametrize(
    ("call", "known"),
    [("mkdir", 0), *product(("open", "write", "fsync", "rename"), (0, 3))],
)
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
def test_no_room_at_any_call_before_the_head_has_its_name(
    monkeypatch: pytest.MonkeyPatch,
    signer: Signer,
    tmp_path: Path,
    call: str,
    error: int,
    known: int,
) -> None:
    log = Growing(signer)
    running = service(tmp_path, log)
    if known:
        running.add_checkpoint(log.request(0, known).encode())
    name = origin_hash(signer.name)
    kept = running.checkpoint(name)
    real = getattr(os, call)

    def full(*given: Any, **named: Any) -> Any:
        if call != "open" or given[1] & os.O_CREAT:
            raise OSError(error, os.strerror(error))
        return real(*given, **named)

    for _ in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, full)
            with pytest.raises(WitnessFull, match="make room, then ask again"):
                running.add_checkpoint(log.request(known, 5).encode())
        assert running.checkpoint(name) == kept
    assert running.add_checkpoint(log.request(known, 5).encode())


@pytest.mark.parametrize(
    ("call", "kind", "at"), [("fsync", "fails", 2), ("rename", "persisted", 1)]
)
def test_no_room_once_the_head_has_its_name_is_final(
    monkeypatch: pytest.MonkeyPatch, signer: Signer, tmp_path: Path, call: str, kind: str, at: int
) -> None:
    log = Growing(signer)
    running = service(tmp_path, log)
    running.add_checkpoint(log.request(0, 3).encode())
    request = log.request(3, 5).encode()
    with monkeypatch.context() as patch:
        patch.setattr(os, call, wrong(getattr(os, call), kind, at, [0], errno.ENOSPC))
        with pytest.raises(WitnessStoreError, match="check the disk"):
            running.add_checkpoint(request)
    with pytest.raises(WitnessStoreError, match="restart"):
        running.add_checkpoint(request)


def test_a_lock_that_is_held_is_waited_for_and_then_named(
    monkeypatch: pytest.MonkeyPatch, signer: Signer, tmp_path: Path
) -> None:
    import fcntl  # noqa: PLC0415 - this test alone holds a lock

    log = Growing(signer)
    running = service(tmp_path, log)
    running.add_checkpoint(log.request(0, 3).encode())
    monkeypatch.setattr(stores, "LOCK_SECONDS", 0.1)
    descriptor = os.open(tmp_path / "heads" / origin_hash(signer.name), os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(WitnessStoreError, match="hangs"):
            running.add_checkpoint(log.request(3, 5).encode())
    finally:
        os.close(descriptor)
    assert running.add_checkpoint(log.request(3, 5).encode())


def test_a_store_of_another_key_is_refused(signer: Signer, tmp_path: Path) -> None:
    log = Growing(signer)
    service(tmp_path, log).add_checkpoint(log.request(0, 3).encode())
    other = Cosigner("w.example/1", bytes(range(32)))
    with pytest.raises(WitnessStoreError, match="another key"):
        WitnessStore(tmp_path, (other.public,)).latest(signer.name)
    both = WitnessStore(tmp_path, (other.public, COSIGNER.public))
    assert both.latest(signer.name) is not None


def test_the_head_of_another_log_is_no_head(signer: Signer, tmp_path: Path) -> None:
    log = Growing(signer)
    service(tmp_path, log).add_checkpoint(log.request(0, 3).encode())
    heads = tmp_path / "heads"
    (heads / origin_hash(signer.name)).rename(heads / origin_hash("other.example"))
    with pytest.raises(WitnessStoreError, match="in its folder"):
        WitnessStore(tmp_path, (COSIGNER.public,)).latest("other.example")


@pytest.mark.parametrize(
    "text", ["log\n", "logs x\n", "log a b\n", "log example.com+00000000+AAAA\n", "\x00\n"]
)
def test_what_is_no_list_of_logs(tmp_path: Path, signer: Signer, text: str) -> None:
    file = tmp_path / "logs"
    file.write_text(f"# mine\n\nlog {signer.public}\n{text}", "utf-8")
    with pytest.raises(LedgerError, match="expected"):
        read_logs(file)
    file.write_bytes(b"\xff")
    with pytest.raises(WitnessStoreError):
        read_logs(file)


def test_a_log_has_several_keys_while_it_rotates(tmp_path: Path, signer: Signer) -> None:
    newer = Growing(Signer(signer.name, bytes(32)))
    log = Growing(signer)
    running = service(tmp_path, log)
    running.add_checkpoint(log.request(0, 3).encode())
    with pytest.raises(WitnessError, match="invalid signature"):
        running.add_checkpoint(newer.request(3, 5).encode())
    assert add_log(tmp_path / "logs", newer.signer.public)
    assert not add_log(tmp_path / "logs", newer.signer.public)
    assert running.add_checkpoint(newer.request(3, 5).encode())
    assert running.add_checkpoint(log.request(5, 6).encode())


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(WitnessStoreError, match="another folder"):
        WitnessStore(tmp_path / "file" / "store", (COSIGNER.public,))
    with pytest.raises(WitnessStoreError):
        add_log(tmp_path / "file" / "logs", COSIGNER.public)
