"""Proofs at a million records: from tiles, beside a pass over the whole log; and the kept head."""

import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

from bench.measure import Row, medians, timed
from bench.rooms import environment, scratch
from ledger import Entry, Signer, TokenSignatureLedger
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.kept import KeptHead
from ledger.trust.merkle import inclusion_proofs, leaf_hash

RECORDS, QUICK_RECORDS = 1_000_000, 50_000
GROUP = 10_000
BODY = {"text": "a record of usual size " * 8}
COLD_MS = 5.0
WARM_US = 200.0
KEPT_US = 60.0
US = 1000.0  # in a millisecond
HEADS = 200
HERE = Path(__file__).parents[1]
TIMES = 20
FRESH = """
import sys, time
from pathlib import Path
from ledger import TokenSignatureLedger
with TokenSignatureLedger.read_only(Path(sys.argv[1])) as log:
    start = time.perf_counter()
    log.prove(int(sys.argv[2]))
    print((time.perf_counter() - start) * 1000)
"""


def rows(*, quick: bool) -> list[Row]:
    """A scan of a million records takes seconds, so there are few rounds of it."""
    count, rounds = (QUICK_RECORDS, 3) if quick else (RECORDS, 3)
    with scratch() as base:
        _build(base / "ledger", count)
        return [*_proofs(base / "ledger", count, rounds), _kept(base, rounds)]


def _signer() -> Signer:
    return Signer("bench.example/log", bytes(range(32)))


def _build(path: Path, count: int) -> None:
    group = [Entry("bench.entry", BODY)] * GROUP
    with TokenSignatureLedger.open(path, _signer(), clock=time.time_ns, node="bench") as log:
        for _ in range(count // GROUP):
            log.append(*group)


def _scan(log: TokenSignatureLedger, seq: int) -> None:
    inclusion_proofs([seq], log.head.size, (leaf_hash(record.body) for record in log.read()))


def _proofs(path: Path, count: int, rounds: int) -> list[Row]:
    numbers = itertools.count()

    def seq() -> int:
        return next(numbers) * 7919 * 31 % count

    with TokenSignatureLedger.open(path, _signer(), clock=time.time_ns, node="bench") as log:
        made = timed(lambda: log.prove(seq()))
        _, scan = medians(rounds, lambda: 0.0, lambda: timed(lambda: _scan(log, seq())))
        log.prove(5)
        warm, _ = medians(
            9, lambda: timed(lambda: [log.prove(5) for _ in range(TIMES)]) / TIMES, lambda: 0.0
        )
        other, _ = medians(
            9, lambda: timed(lambda: [log.prove(seq()) for _ in range(TIMES)]) / TIMES, lambda: 0.0
        )
        past, _ = medians(
            9, lambda: timed(lambda: log.prove_consistency(seq() + 1, count)), lambda: 0.0
        )
    cold, _ = medians(9, lambda: _fresh(path, seq()), lambda: 0.0)
    what, peer = f"of {count:,} records", "a pass over the log"
    return [
        Row(f"proof {what}, first of a process", "ms", cold, scan, peer, goal=COLD_MS),
        Row(f"proof {what}, tiles in memory", "µs", warm * US, scan * US, peer, goal=WARM_US),
        Row(f"proof {what}, anywhere", "µs", other * US, scan * US, peer, goal=COLD_MS * US),
        Row(f"consistency proof {what}", "µs", past * US, scan * US, peer, goal=COLD_MS * US),
        Row(f"making the tiles {what}", "ms", made, scan, peer, goal=scan),
    ]


def _fresh(path: Path, seq: int) -> float:
    """In a process of its own, from the opened ledger to the proof; late imports count."""
    words = [sys.executable, "-c", FRESH, str(path), str(seq)]
    env = environment(path.parent)  # compiled modules stay on the disk, as where it is installed
    done = subprocess.run(words, cwd=HERE, env=env, capture_output=True, text=True, check=True)
    return float(done.stdout)


def _kept(base: Path, rounds: int) -> Row:
    """Moving the kept head, beside a file replaced by a rename."""
    heads = _heads(base / "small")
    names = itertools.count()

    def ours() -> float:
        kept = KeptHead(base / f"head{next(names)}")
        return timed(lambda: [kept.advance(head) for head in heads]) / len(heads)

    def peer() -> float:
        place = base / "plain"

        def work() -> None:
            for head in heads:
                spare = f"{place}.new"
                descriptor = os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.write(descriptor, head.note)
                os.close(descriptor)
                Path(spare).rename(place)

        return timed(work) / len(heads)

    mine, theirs = medians(max(rounds, 5), ours, peer)
    peer_name = "create, write, rename"
    return Row("kept head moved on", "µs", mine * US, theirs * US, peer_name, goal=KEPT_US)


def _heads(path: Path) -> list[Checkpoint]:
    found: list[Checkpoint] = []
    with TokenSignatureLedger.open(path, _signer(), clock=time.time_ns, node="bench") as log:
        for _ in range(HEADS):
            log.append(Entry("bench.entry", {}))
            assert log.checkpoint is not None
            found.append(log.checkpoint)
    return found


if __name__ == "__main__":
    for row in rows(quick="--quick" in sys.argv):
        print(row.body())
