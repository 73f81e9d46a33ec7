"""The ledger as a log: appending durably, and telling an edit, beside peers in the same run.

Ours also hashes, chains, signs and keeps a Merkle tree. Every log syncs as often as ours (git
alone does so once, at its end), so what a row compares is equally durable. A goal is what the
machine of this run makes fair: the lower of a fixed rate and a share of what the work, or the disk,
takes alone.
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import log_peers as peers
from bench.measure import Row, Unmeasured, medians, program, timed
from bench.rooms import scratch
from ledger import Entry, Signer, TokenSignatureLedger, verify

GROUP = 1_000
PROCESSES = 4
SMALL_GROUP = 25
BATCHED = 300_000.0
BATCHED_SHARE = 0.75
SINGLE = 5_000.0
SINGLE_SHARE = 0.8
PYTHON_PEERS = 10.0
PYTHON = ("auditchain", "auditchain, WAL", "rust-py-audit")
VERIFIED = 10_000
VERIFY_MS = 1_000.0
RECORD_BYTES = 560  # a record and its checkpoint on the disk, when appended alone
HERE = Path(__file__).parents[1]
APPENDER = """
import sys, time
from pathlib import Path
from ledger import Entry, Signer, TokenSignatureLedger
folder, groups, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
signer = Signer("bench.example/log", bytes(range(32)))
group = [Entry("bench.entry", {"text": "a record of usual size " * 8}) for _ in range(size)]
with TokenSignatureLedger.open(folder, signer, clock=time.time_ns, node="bench") as log:
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(groups):
        log.append(*group)
"""
Measured = Callable[[Path], float]


@dataclass(frozen=True)
class Rate(Row):
    """Records a second: higher is better."""

    @property
    def holds(self) -> bool:
        return self.ours >= self.goal


def rows(*, quick: bool) -> list[Row]:
    rounds = 3 if quick else 7
    with scratch() as base:
        return [
            *_batched(base, rounds, 10 if quick else 30),
            *_single(base, rounds, 100 if quick else 400),
            *_processes(base, rounds, 20 if quick else 100),
            _verify(base, rounds),
        ]


def _batched(base: Path, rounds: int, groups: int) -> list[Row]:
    found = _rates(
        base / "batched",
        rounds,
        {
            "": partial(_ours, groups=groups, size=GROUP),
            "msgpack and BLAKE3 in memory": lambda _: peers.in_memory(groups, GROUP),
            "SQLite, WAL, FULL": partial(peers.sqlite, groups=groups, size=GROUP),
            "git fast-import": partial(_git_import, count=groups * GROUP),
            "auditchain": _auditchain(max(groups // 10, 1), GROUP, wal=False),
            "auditchain, WAL": _auditchain(max(groups // 10, 1), GROUP, wal=True),
            "rust-py-audit": partial(peers.rust_py_audit, groups=4, size=GROUP),
        },
    )
    goals = {
        "msgpack and BLAKE3 in memory": (BATCHED, BATCHED_SHARE),
        **dict.fromkeys(PYTHON, (float("inf"), PYTHON_PEERS)),
    }
    return _against(f"append, {GROUP:,} a sync", found, goals)


def _single(base: Path, rounds: int, times: int) -> list[Row]:
    bare = "pwritev, RWF_DSYNC"
    found = _rates(
        base / "single",
        rounds,
        {
            "": partial(_ours, groups=times, size=1),
            bare: partial(peers.bare_writes, times=times, count=RECORD_BYTES),
            "SQLite, WAL, FULL": partial(peers.sqlite, groups=times, size=1),
            "auditchain": _auditchain(max(times // 4, 1), 1, wal=False),
            "auditchain, WAL": _auditchain(max(times // 4, 1), 1, wal=True),
            "rust-py-audit": partial(peers.rust_py_audit, groups=times, size=1),
        },
    )
    return _against("append, one a sync", found, {bare: (SINGLE, SINGLE_SHARE)})


def _processes(base: Path, rounds: int, groups: int) -> list[Row]:
    found = _rates(
        base / "processes",
        rounds,
        {
            "": partial(_our_processes, groups=groups),
            f"SQLite, {PROCESSES} processes": partial(
                peers.sqlite_processes, processes=PROCESSES, groups=groups, size=SMALL_GROUP
            ),
        },
    )
    return _against(f"append, {PROCESSES} processes, {SMALL_GROUP} a sync", found, {})


def _rates(base: Path, rounds: int, subjects: dict[str, Measured]) -> dict[str, float]:
    """The median rate of each subject; they take turns, and the first turn does not count."""
    taken: dict[str, list[float]] = {}
    missing: set[str] = set()
    for number in range(rounds + 1):
        turn = number % len(subjects)
        names = list(subjects)
        for name in names[turn:] + names[:turn]:
            if name in missing:
                continue
            place = base / f"{number}-{names.index(name)}"
            place.mkdir(parents=True)
            try:
                rate = subjects[name](place / "log")
            except Unmeasured as reason:
                missing.add(name)
                print(f"not measured: {name}: {reason}", file=sys.stderr)
                continue
            if number:
                taken.setdefault(name, []).append(rate)
    return {name: statistics.median(rates) for name, rates in taken.items()}


def _against(
    name: str, found: dict[str, float], goals: dict[str, tuple[float, float]]
) -> list[Row]:
    """A row for each peer; where no goal is given, the peer's own rate is it."""
    mine = found.pop("")
    rows: list[Row] = []
    for peer, rate in found.items():
        fixed, share = goals.get(peer, (float("inf"), 1.0))
        rows.append(Rate(name, "records/s", mine, rate, peer, goal=min(fixed, share * rate)))
    return rows


def _open(path: Path) -> TokenSignatureLedger:
    signer = Signer("bench.example/log", bytes(range(32)))
    return TokenSignatureLedger.open(path, signer, clock=time.time_ns, node="bench")


def _ours(path: Path, *, groups: int, size: int) -> float:
    group = [Entry("bench.entry", peers.BODY) for _ in range(size)]
    with _open(path) as log:
        log.append(*group)
        return peers.per_second(groups * size, lambda: [log.append(*group) for _ in range(groups)])


def _our_processes(path: Path, *, groups: int) -> float:
    _open(path).close()
    code = f"import sys; sys.path.insert(0, {str(HERE)!r})\n{APPENDER}"
    command = [sys.executable, "-c", code, str(path), str(groups), str(SMALL_GROUP)]
    return peers.together(command, PROCESSES, groups * SMALL_GROUP)


def _git_import(path: Path, *, count: int) -> float:
    return peers.git_import(path, count)


def _auditchain(groups: int, size: int, *, wal: bool) -> Measured:
    return partial(peers.auditchain, groups=groups, size=size, wal=wal)


def _verify(base: Path, rounds: int) -> Row:
    """10,000 records in a signed chain, and as many commits: two ways to tell an edit."""
    with _open(base / "verified") as log:
        key = log.public_key
        group = [Entry("bench.entry", peers.BODY) for _ in range(100)]
        for _ in range(VERIFIED // len(group)):
            log.append(*group)
    repository, env = peers.new_repository(base / "fsck")
    peers.write_commits(base / "stream", VERIFIED)
    program(
        ["sh", "-c", 'git fast-import --quiet < "$1"', "sh", base / "stream"], repository, env
    )()
    fsck = program(["git", "fsck", "--full", "--strict"], repository, env)
    mine, theirs = medians(
        rounds, lambda: timed(lambda: verify(base / "verified", key)), lambda: timed(fsck)
    )
    name = f"verify {VERIFIED:,} records"
    return Row(name, "ms", mine, theirs, "git fsck of as many commits", goal=VERIFY_MS)
