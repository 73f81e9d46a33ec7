"""Audits and openings of a large log, beside the bare work, SQLite, and one process beside two."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import msgpack
from blake3 import blake3

from bench.log import Rate
from bench.measure import MS, Row, Unmeasured, medians, timed
from bench.rooms import scratch
from ledger import Entry, FileStore, Signer, TokenSignatureLedger, verify
from ledger.chain.durability import OS
from ledger.storage.waypoints import INTERVAL

RECORDS, QUICK_RECORDS = 2_000_000, 100_000
LARGE = 10_000_000
SMALL, QUICK_SMALL = 120_000, 3_000  # groups of one record; a segment holds some 125,000
SEGMENTS = 8  # so many, that two processes share them well
GROUP = 1_000
BODY = {"text": "a record of usual size " * 6}
ONE_CORE = 350_000.0
TWO_CORES = 1.7
OPEN_MS = 300.0
MEMORY_MIB = 64.0
FRAME = 36  # bytes around a body
HERE = Path(__file__).parents[1]
RESIDENT = """
import sys
from pathlib import Path
from ledger import verify
if len(sys.argv) > 1:
    assert verify(Path(sys.argv[1])).status == "ok"
status = Path("/proc/self/status").read_text()
print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
"""


def rows(*, quick: bool) -> list[Row]:
    """Each round takes seconds, so there are few of them.

    The large log takes 3 GB and minutes to make; only the full form opens it and audits it, once.
    """
    count, rounds = (QUICK_RECORDS if quick else RECORDS), 3
    with scratch() as base:
        log = base / "ledger"
        _build(log, count)
        found = [*_one_core(log, base, count, rounds), *_two_cores(log, count, rounds)]
        if not quick:
            shutil.rmtree(log)
            count = LARGE
            _build(log, count)
        found += _openings(log, base, count, rounds)
        small = QUICK_SMALL if quick else SMALL
        return [*found, _small_groups(base, small, rounds), _memory(log, count)]


def _signer() -> Signer:
    return Signer("bench.example/log", bytes(range(32)))


def _build(path: Path, count: int) -> None:
    group = [Entry("bench.entry", BODY, session="s", actor="bench")] * GROUP
    with TokenSignatureLedger(
        FileStore(path),
        _signer(),
        clock=time.time_ns,
        node="bench",
        segment_bytes=min(count * 230 // SEGMENTS, 64 * 1024 * 1024),
    ) as log:
        for _ in range(count // GROUP):
            log.append(*group)


def _audit(log: Path, jobs: int) -> float:
    return timed(lambda: verify(log, _signer().public, jobs=jobs))


def _one_core(log: Path, base: Path, count: int, rounds: int) -> list[Row]:
    """The bare work is what any chained log does at least: decode each record, hash it on."""
    with TokenSignatureLedger.read_only(log) as opened:
        bodies = [record.body for record in opened.read(0, min(count, 100_000))]
    table = _table(base / "table", bodies, count)

    def bare() -> float:
        return timed(partial(_chain, bodies)) * count / len(bodies)

    def select() -> float:
        return timed(lambda: sum(len(row[0]) for row in table.execute("select body from log")))

    mine, work = medians(rounds, partial(_audit, log, 1), bare)
    again, rows = medians(rounds, partial(_audit, log, 1), select)
    table.close()
    size = sum(path.stat().st_size for path in (log / "segments").iterdir()) / 1e6
    name = f"audit of {count:,} records, one process"
    return [
        Rate(
            name, "records/s", count * MS / mine, count * MS / work, "decoding and BLAKE3", ONE_CORE
        ),
        Rate(name, "MB/s", size * MS / again, size * MS / rows, "SQLite, select only", 0.0),
    ]


def _chain(bodies: list[bytes]) -> None:
    chain = bytes(32)
    for body in bodies:
        msgpack.unpackb(body)
        chain = blake3(body, key=chain).digest()


def _table(path: Path, bodies: list[bytes], count: int) -> sqlite3.Connection:
    table = sqlite3.connect(path)
    table.execute("create table log (seq integer primary key, body blob)")
    for start in range(0, count, len(bodies)):
        part = bodies[: count - start]
        table.executemany("insert into log (body) values (?)", ((body,) for body in part))
    table.commit()
    return table


def _two_cores(log: Path, count: int, rounds: int) -> list[Row]:
    if len(os.sched_getaffinity(0)) < 2:
        raise Unmeasured("two processes need two cores")
    two, one = medians(rounds, partial(_audit, log, 2), partial(_audit, log, 1))
    rate = count * MS / one
    name = f"audit of {count:,} records, two processes"
    return [Rate(name, "records/s", count * MS / two, rate, "one process", TWO_CORES * rate)]


def _openings(log: Path, base: Path, count: int, rounds: int) -> list[Row]:
    """With the cache as the writer left it, and without."""
    cache = (log / "head").read_bytes()

    def opening(*, cached: bool) -> float:
        (log / "head").unlink(missing_ok=True)
        if cached:
            (log / "head").write_bytes(cache)
        return timed(lambda: _opened(log, count))

    def peer() -> float:
        def work() -> None:
            table = sqlite3.connect(base / "table")
            table.execute("select max(seq) from log").fetchone()
            table.close()

        return timed(work)

    found: list[Row] = []
    for cached, said in ((True, ""), (False, ", no cache")):
        mine, theirs = medians(rounds, partial(opening, cached=cached), peer)
        name = f"open a log of {count:,} records{said}"
        found.append(Row(name, "ms", mine, theirs, "SQLite, open and select max(seq)", OPEN_MS))
    return found


def _opened(log: Path, count: int) -> None:
    with TokenSignatureLedger.open(log, _signer(), clock=time.time_ns, node="bench") as found:
        assert found.head.size >= count


def _small_groups(base: Path, count: int, rounds: int) -> Row:
    """The dearest case: each record has a signed head of its own, and no cache says where it ends.

    So many are appended that the last waypoint lies as far back as it may.
    """
    log, entry = base / "small groups", Entry("bench.entry", BODY, session="s", actor="bench")
    store = FileStore(log)
    with TokenSignatureLedger(
        store, _signer(), clock=time.time_ns, node="bench", durability=OS
    ) as ledger:
        while ledger.head.size < count or store.end().offset % INTERVAL < INTERVAL * 9 // 10:
            ledger.append(entry)
    size = store.directory.joinpath("segments", "000000000000.seg").stat().st_size / 2**20

    def opening() -> float:
        (log / "head").unlink()
        return timed(lambda: _opened(log, count))

    mine, whole = medians(rounds, opening, lambda: _audit(log, 1))
    name = f"open {size:.0f} MiB of groups of one record, no cache"
    return Row(name, "ms", mine, whole, "following all of it", OPEN_MS)


def _memory(log: Path, count: int) -> Row:
    def resident(*words: str | Path) -> float:
        command = [sys.executable, "-c", RESIDENT, *words]
        return float(subprocess.run(command, cwd=HERE, capture_output=True, check=True).stdout)

    name = f"memory of an audit of {count:,} records"
    return Row(name, "MiB", resident(log), resident(), "importing the package", MEMORY_MIB)
