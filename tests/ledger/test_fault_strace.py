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
from dataclasses import dataclass
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
ZYGOTE = textwrap.dedent(
    f"""
    import ctypes, os, sys, time
    from pathlib import Path
    from ledger import Entry, FileStore, LedgerError, TokenSignatureLedger, load_or_create_key

    def work(base):
        signer = load_or_create_key(base / "keys" / "log", {ORIGIN!r})
        store = FileStore(base / "log")
        with TokenSignatureLedger(
            store, signer, clock=time.time_ns, node="n1", segment_bytes={SEGMENT_BYTES}
        ) as log:
            for n in range(2):
                name = log.objects.put(b"content %d" % n)
                for record in log.append(Entry("x", {{"text": "x" * 900, "n": n}}, payload=name)):
                    os.write(1, b"%d %s\\n" % (record.seq, record.body.hex().encode()))

    def child(base, said, errors):
        ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1))  # PR_SET_PTRACER: whoever asks
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT), 1)
        os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT), 2)
        os.write(TOLD, b"%d\\n" % os.getpid())
        os.read(0, 1)  # until it is traced
        try:
            work(Path(base))
        except LedgerError as problem:
            os.write(2, f"{{type(problem).__name__}}: {{problem}}\\n".encode())
            os._exit(3)
        os._exit(0)

    TOLD = os.dup(1)
    while asked := os.read(0, 4096):
        born = os.fork()
        if not born:
            try:
                child(*asked.decode().split("\\0"))
            except BaseException as problem:
                os.write(2, repr(problem).encode())
                os._exit(1)
        os.write(TOLD, b"%d\\n" % os.waitstatus_to_exitcode(os.waitpid(born, 0)[1]))
    """
)


@dataclass(frozen=True)
class Ended:
    """How a traced process ended."""

    code: int
    said: bytes
    errors: str


class Zygote:
    """A process that has loaded everything; each child it forks waits until strace holds it."""

    def __init__(self, folder: Path) -> None:
        self._said, self._errors = folder / "said", folder / "errors"
        self._process = subprocess.Popen(
            [sys.executable, "-c", ZYGOTE],
            cwd=ROOT,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(self, base: Path, *options: str) -> Ended:
        """Work on ``base`` in a child of its own, under strace with ``options``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for path in (self._said, self._errors):
            path.unlink(missing_ok=True)
        self._process.stdin.write(f"{base}\0{self._said}\0{self._errors}".encode())
        child = self._process.stdout.readline().decode().strip()
        words = ["strace", "-f", "-y", *options, "-p", child]
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr is not None
            attached = tracer.stderr.readline()
            self._process.stdin.write(b"\n")
            code = int(self._process.stdout.readline())
            tracer.communicate(timeout=20)
        assert "attached" in attached, attached
        return Ended(code, self._said.read_bytes(), self._errors.read_text())

    def close(self) -> None:
        self._process.communicate(timeout=20)
        assert self._process.returncode == 0


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


@pytest.fixture
def zygote(tmp_path: Path) -> Iterator[Zygote]:
    made = Zygote(tmp_path)
    yield made
    made.close()


def calls_on(base: Path, trace: Path, before: object) -> Iterator[tuple[str, int, bool]]:
    """Each traced call that touches ``base``: its name, its number among those of that name, and
    whether it changes anything there.

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
                looks = name in {"pread64", "flock"} or (name == "openat" and "O_CREAT" not in line)
                yield name, counts[name], not looks


@pytest.mark.parametrize("fault", ["error=EIO", "error=ENOSPC", "signal=KILL"])
@pytest.mark.parametrize("before", [new, torn])
def test_every_system_call(
    tmp_path: Path, zygote: Zygote, before: Callable[[Path], None], fault: str
) -> None:
    base, trace = tmp_path / "counted", tmp_path / "trace"
    base.mkdir()
    before(base)
    every = "trace=" + ",".join(f"?{name}" for name in CALLS)
    whole = zygote.run(base, "-o", str(trace), "-e", every)
    assert (whole.code, whole.errors) == (0, "")
    assert len(whole.said.splitlines()) == 2
    calls = list(calls_on(base, trace, before))
    assert {"openat", "fsync", "flock"} <= {name for name, _, _ in calls}
    assert len(calls) > 20
    for name, number, changes in calls:
        if fault == "error=ENOSPC" and "write" not in name:
            continue
        if fault == "signal=KILL" and not changes:
            continue  # it leaves what a kill at the next change leaves
        base = tmp_path / f"{name}-{number}"
        base.mkdir()
        before(base)
        inject = f"inject={name}:{fault}:when={number}"
        ran = zygote.run(base, "-o", str(trace), "-e", f"trace={name}", "-e", inject)
        told = f"{inject}: {ran.code} {ran.errors[-600:]}"
        assert "INJECTED" in trace.read_text() or ran.code == -9, told
        assert ran.code in ({-9} if fault == "signal=KILL" else {0, 3}), told
        check(base, ran.said, told)


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
