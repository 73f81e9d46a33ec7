"""A long merge takes no more memory than a short one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import resource, sys
from pathlib import Path
from ledger import LogView, TokenSignatureLedger, merge

logs = [TokenSignatureLedger.read_only(Path(name)) for name in sys.argv[1:]]
last, count = (0, "", 0), 0
for origin, record in merge(map(LogView, logs)).records():
    place = (record.hlc, record.node, record.seq)
    assert place > last
    last, count = place, count + 1
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
GROW = """
import itertools, sys
from pathlib import Path
from ledger import Entry, Signer, TokenSignatureLedger

folder, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
clock = itertools.count(10**18, 150 * 10**6).__next__
by = Signer(f"example.org/{name}", name.encode().ljust(32))
with TokenSignatureLedger.open(folder, by, clock=clock, node=name) as log:
    for start in range(0, count, 1000):
        log.append(*(Entry("work", {"n": n, "text": "x" * 60}) for n in range(start, start + 1000)))
"""


def run(program: str, *words: object) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(word) for word in done.stdout.split()]


@pytest.mark.slow
def test_memory_is_flat(tmp_path: Path) -> None:
    for count in (2_000, 40_000):
        for name in "abc":
            run(GROW, tmp_path / f"{name}{count}", name, count)
    small, large = (
        run(PROGRAM, *(tmp_path / f"{name}{count}" for name in "abc")) for count in (2_000, 40_000)
    )
    assert (small[0], large[0]) == (6_003, 120_003)
    assert large[1] - small[1] < 8 * 1024, "KiB"
