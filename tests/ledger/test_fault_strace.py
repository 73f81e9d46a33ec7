"""System calls of a real process, refused by the kernel or killed at, one at a time, with strace.

The child makes its key, makes or recovers a ledger, appends with objects over two segments, and
says what was acknowledged. A first run under strace counts its calls on the ledger's folder; then
each of them is spoiled in a run of its own.
"""

import re
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger import Entry, FileStore, TokenSignatureLedger, load_or_create_key, verify

ROOT = Path(__file__).parent.parent.parent
ORIGIN = "test.example/log"
SEGMENT_BYTES = 1_800
CALLS = (
    *("openat", "write", "pwrite64", "pwritev", "pwritev2", "fsync", "fdatasync", "syncfs"),
    *("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir"),
    *("truncate", "ftruncate", "chmod", "fchmod", "flock", "fallocate", "pread64"),
)
CHILD = textwrap.dedent(
    f"""
    import os, sys, time
    from pathlib import Path
    from ledger import Entry, FileStore, LedgerError, TokenSignatureLedger, load_or_create_key
    base = Path(sys.argv[1])
    try:
        signer = load_or_create_key(base / "keys" / "log", {ORIGIN!r})
        store = FileStore(base / "log")
        with TokenSignatureLedger(
            store, signer, clock=time.time_ns, node="n1", segment_bytes={SEGMENT_BYTES}
        ) as log:
            for n in range(2):
                name = log.objects.put(b"content %d" % n)
                for record in log.append(Entry("x", {{"text": "x" * 900, "n": n}}, payload=name)):
                    os.write(1, b"%d %s\\n" % (record.seq, record.body.hex().encode()))
    except LedgerError as problem:
        os.write(2, f"{{type(problem).__name__}}: {{problem}}\\n".encode())
        sys.exit(3)
    """
)


def usable() -> bool:
    """Whether strace is here and may trace; containers often forbid it."""
    if shutil.which("strace") is None:
        return False
    trial = ["strace", "-f", "-o", "/dev/null", "-e", "inject=fsync:error=EIO", "true"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not usable(), reason="strace is absent or may not trace here"),
]


def new(_: Path) -> None:
    """Neither key nor ledger."""


def torn(base: Path) -> None:
    """A ledger whose last group was cut short."""
    signer = load_or_create_key(base / "keys" / "log", ORIGIN)
    with TokenSignatureLedger.open(base / "log", signer, clock=time.time_ns, node="n1") as log:
        log.append(Entry("kept", {}))
        note = (base / "log" / "checkpoint").read_bytes()
        log.append(Entry("lost", {"text": "y" * 300}))
    path = base / "log" / "segments" / "000000000000.seg"
    path.write_bytes(path.read_bytes()[:-50])
    (base / "log" / "checkpoint").write_bytes(note)


def run(base: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["strace", "-f", "-y", *options, sys.executable, "-c", CHILD, str(base)],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )


def calls_on(base: Path, trace: Path, before: object) -> Iterator[tuple[str, int]]:
    """Each traced call that touches ``base``: its name and its number among those of that name.

    What follows a recovery is what follows a creation, so it is met once.
    """
    counts: dict[str, int] = {}
    for line in trace.read_text().splitlines():
        found = re.match(r"\d+ +(\w+)\(", line)
        if found:
            name = found[1]
            counts[name] = counts.get(name, 0) + 1
            if before is torn and f"{base}/log/objects" in line:
                return
            if str(base) in line:
                yield name, counts[name]


@pytest.mark.parametrize("fault", ["error=EIO", "error=ENOSPC", "signal=KILL"])
@pytest.mark.parametrize("before", [new, torn])
def test_every_system_call(tmp_path: Path, before: Callable[[Path], None], fault: str) -> None:
    base, trace = tmp_path / "counted", tmp_path / "trace"
    base.mkdir()
    before(base)
    every = "trace=" + ",".join(f"?{name}" for name in CALLS)
    whole = run(base, "-o", str(trace), "-e", every)
    assert (whole.returncode, whole.stderr) == (0, b"")
    assert len(whole.stdout.splitlines()) == 2
    calls = list(calls_on(base, trace, before))
    assert {"openat", "fsync", "flock"} <= {name for name, _ in calls}
    assert len(calls) > 20
    for name, number in calls:
        if fault == "error=ENOSPC" and "write" not in name:
            continue
        base = tmp_path / f"{name}-{number}"
        base.mkdir()
        before(base)
        inject = f"inject={name}:{fault}:when={number}"
        ran = run(base, "-o", str(trace), "-e", f"trace={name}", "-e", inject)
        told = f"{inject}: {ran.returncode} {ran.stderr.decode()[-600:]}"
        assert "INJECTED" in trace.read_text() or ran.returncode == -9, told
        assert ran.returncode in ({-9} if fault == "signal=KILL" else {0, 3}), told
        check(base, ran.stdout, told)


def check(base: Path, said: bytes, told: str) -> None:
    """What the child said is there; what it left can be opened, used and verified."""
    signer = load_or_create_key(base / "keys" / "log", ORIGIN)
    store = FileStore(base / "log")
    with TokenSignatureLedger(
        store, signer, clock=time.time_ns, node="n2", segment_bytes=SEGMENT_BYTES
    ) as log:
        for line in said.splitlines():
            seq, body = line.split()
            assert log.record(int(seq)).body.hex() == body.decode(), told
        log.append(Entry("life", {}, payload=log.objects.put(b"goes on")))
        size = log.head.size
    result = verify(base / "log", signer.public, objects=True)
    assert (result.status, result.size) == ("ok", size), (told, result.first_bad)
