"""Asking a log: the index beside reading the log itself, and how soon a new record is seen.

"Reading the log" is ``scan``: the same answers, verified, without an index. The index's answers are
verified too, since each record is read back. Who follows text files uses ``tail -f``; it is
measured in the same way, on lines that another process writes.
"""

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.measure import MS, Row, Unmeasured, medians, timed
from bench.rooms import scratch
from ledger import Entry, Index, Query, Record, Signer, TokenSignatureLedger, scan, tail

MANY = 1_000_000
FEW = 200_000
GROUP = 1000
SESSION = 20
WORDS = 3000
APPENDS = 50
INDEX_US = 10.0
QUERY_MS = 20.0
SEEN_MS = 50.0
ORIGIN, SEED = "bench.example/query", bytes(range(32))

WRITE_RECORDS = f"""
import sys, time
from pathlib import Path
from ledger import Entry, Signer, TokenSignatureLedger
signer = Signer({ORIGIN!r}, {SEED!r})
with TokenSignatureLedger.open(Path(sys.argv[1]), signer, clock=time.time_ns, node="w") as log:
    sys.stdin.readline()
    for _ in range({APPENDS}):
        time.sleep(0.02)
        log.append(Entry("tick", {{"at": time.monotonic_ns()}}))
"""
WRITE_LINES = f"""
import os, sys, time
file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
sys.stdin.readline()
for _ in range({APPENDS}):
    time.sleep(0.02)
    at = time.monotonic_ns()
    os.write(file, b"%d\\n" % at)
    os.fdatasync(file)
"""


def rows(*, quick: bool) -> list[Row]:
    count = FEW if quick else MANY
    with scratch() as base:
        directory = base / "ledger"
        _fill(directory, count)
        with TokenSignatureLedger.read_only(directory) as log:
            found = [_build(log, count)]
            with Index(log) as index:
                found += [_ask(index, log, count, name, query) for name, query in _queries(count)]
        return [*found, *_seen(base)]


def _fill(directory: Path, count: int) -> None:
    """Records of some 200 bytes: few kinds and actors, sessions of 20 records, random words."""
    chance = random.Random(count)
    words = [f"word{number}" for number in range(WORDS)]
    kinds = ("command.admitted", "command.finished", "python_vm_start")

    def entry(number: int) -> Entry:
        text = " ".join(chance.choices(words, k=10))
        return Entry(
            kinds[number % 3],
            {"command": "python", "text": text, "number": number},
            session=f"s{number // SESSION}",
            actor=("ann", "bob", "eve")[chance.randrange(3)],
            token="rare" if number == count // 2 else "local",
        )

    signer = Signer(ORIGIN, SEED)
    with TokenSignatureLedger.open(directory, signer, clock=time.time_ns, node="w") as log:
        for at in range(0, count, GROUP):
            log.append(*map(entry, range(at, at + GROUP)))


def _queries(count: int) -> list[tuple[str, Query]]:
    return [
        ("one session", Query(session=f"s{count // SESSION // 3}")),
        ("newest 50 of kind and actor", Query(kind="python*", actor="ann", limit=50, reverse=True)),
        ("a number in the text", Query(text=f"number={count // 2 + 1}")),
        ("a token used once", Query(token="rare")),
    ]


def _build(log: TokenSignatureLedger, count: int) -> Row:
    """Once: a million records take a while."""

    def index() -> None:
        with Index(log) as made:
            made.sync()
            if made.path is None or made.trouble is not None:
                raise Unmeasured(f"the index is not in a file: {made.trouble}")

    def read() -> None:
        for _ in log.read():
            pass

    peer, ours = timed(read), timed(index)
    scale = 1000 / count
    name = f"index {count:,} records, words too"
    return Row(name, "µs each", ours * scale, peer * scale, "reading the log", goal=INDEX_US)


def _ask(index: Index, log: TokenSignatureLedger, count: int, name: str, query: Query) -> Row:
    def same(found: Iterator[Record]) -> list[int]:
        return [record.seq for record in found]

    if same(index.search(query)) != same(scan(log, query)):
        raise Unmeasured(f"index and log disagree about {name}")
    mine, theirs = medians(
        3,
        lambda: timed(lambda: same(index.search(query))),
        lambda: timed(lambda: same(scan(log, query))),
    )
    title = f"query, {name}, of {count:,}"
    return Row(title, "ms", mine, theirs, "reading the log", goal=QUERY_MS)


def _seen(base: Path) -> list[Row]:
    """How long after an append by another process a follower has it; the append syncs first."""
    directory, file = base / "followed", base / "lines"
    signer = Signer(ORIGIN, SEED)
    TokenSignatureLedger.open(directory, signer, clock=time.time_ns, node="w").close()
    file.touch()
    with TokenSignatureLedger.read_only(directory) as log:
        coming = tail(log, query=Query(kind="tick"))
        ours = _latencies(WRITE_RECORDS, directory, lambda: _stamp(next(coming)))
    with subprocess.Popen(["tail", "-f", str(file)], stdout=subprocess.PIPE) as follower:
        assert follower.stdout is not None
        lines = follower.stdout
        time.sleep(0.2)  # until it watches
        peer = _latencies(WRITE_LINES, file, lambda: int(lines.readline()))
        follower.kill()
    return [
        Row("tail, until seen, median", "ms", ours[0], peer[0], "tail -f of a file", goal=SEEN_MS),
        Row("tail, until seen, p95", "ms", ours[1], peer[1], "tail -f of a file", goal=SEEN_MS),
    ]


def _stamp(record: Record) -> int:
    at = record.attributes["at"]
    assert isinstance(at, int)
    return at


def _latencies(program: str, target: Path, take: Callable[[], int]) -> tuple[float, float]:
    """Median and 95th percentile, in ms."""
    words = [sys.executable, "-c", program, str(target)]
    late = []
    with subprocess.Popen(words, stdin=subprocess.PIPE) as writer:
        assert writer.stdin is not None
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
        for _ in range(APPENDS):
            at = take()
            late.append((time.monotonic_ns() - at) / 1e9 * MS)
    return statistics.median(late), statistics.quantiles(late, n=20)[-1]
