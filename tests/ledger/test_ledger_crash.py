"""Crashes, full disks and several processes, with real processes and files."""

import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger import (
    ClosedError,
    DiskFull,
    Entry,
    Signer,
    TokenSignatureLedger,
    UnreadableError,
    verify,
)

Opener = Callable[[], TokenSignatureLedger]
ROOT = Path(__file__).parent.parent.parent
APPENDER = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from ledger import Entry, Signer, TokenSignatureLedger
    folder, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    signer = Signer("test.example/log", bytes(range(32)))
    with TokenSignatureLedger.open(folder, signer, clock=time.time_ns, node=name) as log:
        for n in range(count):
            records = log.append(Entry("work", {"n": n, "by": name}), Entry("more", {"n": n}))
            print(records[-1].seq, flush=True)
    """
)


def start(folder: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(folder), name, str(count)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )


def test_truncation_of_the_last_groups(small: Path, open_ledger: Opener) -> None:
    """A crash leaves any prefix of a group, and no publication of it.

    Here in each of three groups; ``test_torn_tails`` cuts one of them at every byte.
    """
    path = small / "segments" / "000000000000.seg"
    whole, sizes, notes = path.read_bytes(), [], []
    with open_ledger() as ledger:
        for _ in range(3):
            sizes.append(path.stat().st_size)
            notes.append((small / "checkpoint").read_bytes())
            ledger.append(Entry("x", {}), Entry("y", {}))
    whole = path.read_bytes()
    for cut in (*range(sizes[0], len(whole), 23), *sizes):
        group = max(n for n, size in enumerate(sizes) if size <= cut)
        path.write_bytes(whole[:cut])
        (small / "checkpoint").write_bytes(notes[group])
        with open_ledger() as ledger:
            at = 6 + 2 * group
            dropped = cut - sizes[group]
            if dropped:
                recovered = ledger.record(at)
                assert recovered.kind == "ledger.recovered"
                assert recovered.attributes["dropped_bytes"] == dropped
                assert recovered.attributes["at_size"] == at
                kept = small / "quarantine" / str(recovered.attributes["file"])
                assert kept.read_bytes() == whole[sizes[group] : cut]
            assert ledger.head.size == at + bool(dropped)
            ledger.append(Entry("after", {}))
        assert verify(small).status == "ok", cut
        for file in (small / "quarantine").glob("*"):
            file.unlink()


def test_a_tail_of_zeros_is_torn(small: Path, open_ledger: Opener) -> None:
    with (small / "segments" / "000000000000.seg").open("ab") as file:
        file.write(bytes(5000))
    with open_ledger() as ledger:
        assert ledger.record(6).attributes["dropped_bytes"] == 5000
    assert verify(small).status == "ok"


@pytest.mark.parametrize("cut", [0, 16, 20, 100])
def test_a_crash_while_creating(small: Path, open_ledger: Opener, cut: int) -> None:
    path = small / "segments" / "000000000000.seg"
    (small / "checkpoint").unlink()
    if cut:
        path.write_bytes(path.read_bytes()[:cut])
    else:
        path.unlink()
    with pytest.raises(UnreadableError):
        TokenSignatureLedger.read_only(small)
    with open_ledger() as ledger:
        assert ledger.record(0).kind == "ledger.created"
        assert ledger.head.size == (2 if cut > 16 else 1)
    assert verify(small).status == "ok"


@pytest.mark.slow
def test_four_processes_append_at_once(tmp_path: Path) -> None:
    running = [start(tmp_path / "log", f"p{n}", 100) for n in range(4)]
    acknowledged: list[int] = []
    for process in running:
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        acknowledged += [int(line) for line in out.split()]
    assert len(set(acknowledged)) == 400
    result = verify(tmp_path / "log", Signer("test.example/log", bytes(range(32))).public)
    assert (result.status, result.size) == ("ok", 801)
    with TokenSignatureLedger.read_only(tmp_path / "log") as reader:
        by: dict[object, list[object]] = {}
        for record in reader.read():
            if record.kind == "work":
                by.setdefault(record.attributes["by"], []).append(record.attributes["n"])
    assert by == {f"p{n}": list(range(100)) for n in range(4)}


@pytest.mark.slow
def test_killed_while_appending(tmp_path: Path, open_ledger: Opener) -> None:
    """Nothing acknowledged is lost, and a dead holder's lock is free at once."""
    folder, last = tmp_path / "log", -1
    for round_number in range(8):
        process = start(folder, "victim", 1_000_000)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.01 + 0.013 * round_number)
        process.send_signal(signal.SIGKILL)
        out, _ = process.communicate(timeout=20)
        lines = out.split(b"\n")[:-1]
        last = int(lines[-1]) if lines else last
        with open_ledger() as ledger:
            assert ledger.head.size > last
            ledger.append(Entry("after", {"round": round_number}))
        result = verify(folder)
        assert result.status == "ok", result.first_bad


def test_a_full_disk_loses_nothing_acknowledged(tmp_path: Path, open_ledger: Opener) -> None:
    with open_ledger() as ledger:
        ledger.append(Entry("before", {}))
    path = tmp_path / "log" / "segments" / "000000000000.seg"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ledger = open_ledger()
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 1000, hard))
    try:
        with pytest.raises(DiskFull, match="make room"):
            ledger.append(*[Entry("big", {"text": "x" * 400})] * 5)
        with pytest.raises(ClosedError):
            ledger.append(Entry("x", {}))
        ledger.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with open_ledger() as ledger:
        assert [r.kind for r in ledger.read(1)] == ["before", "ledger.recovered"]
        ledger.append(Entry("after", {}))
    assert verify(tmp_path / "log").status == "ok"


def test_a_full_disk_for_objects(tmp_path: Path, open_ledger: Opener) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_ledger() as ledger:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
        try:
            with pytest.raises(DiskFull):
                ledger.objects.put(bytes(10_000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        name = ledger.objects.put(bytes(10_000))
        ledger.append(Entry("x", {}, payload=name))
    files = [p for p in (tmp_path / "log" / "objects").rglob("*") if p.is_file()]
    assert len(files) == 1
    assert verify(tmp_path / "log", objects=True).status == "ok"


def test_a_closed_descriptor_is_final(tmp_path: Path, open_ledger: Opener) -> None:
    """A failing write (here: to a descriptor that is gone) closes the instance for good."""
    ledger = open_ledger()
    descriptor = ledger._store._segments.descriptor(0)  # type: ignore[attr-defined]
    reading = os.open(tmp_path / "log" / "segments" / "000000000000.seg", os.O_RDONLY)
    os.dup2(reading, descriptor)
    os.close(reading)
    with pytest.raises(Exception, match="this instance is closed"):
        ledger.append(Entry("x", {}))
    with pytest.raises(ClosedError):
        ledger.refresh()
    with open_ledger() as again:
        assert again.head.size == 1
        again.append(Entry("x", {}))
