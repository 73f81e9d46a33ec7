"""Addresses and the order of sets after waits for children that take their time: no trace of it."""

import os
import sys


class Thing:
    """Hashed by its address."""


def shown(label: str) -> None:
    things = [Thing() for _ in range(6)]
    blocks = [bytes([number]) * size for number in range(3) for size in (1, 90, 200)]
    order = [things.index(each) for each in set(things)]
    print(label, order, [hex(id(each))[-6:] for each in (*things, *blocks)], flush=True)


def work(rounds: int) -> int:
    total = 0
    for number in range(rounds):
        total += number * number
    return total


ready, go = os.pipe(), os.pipe()
waiting = os.fork()
if not waiting:
    os.read(go[0], 1)
    shown("child")
    sys.stdout.flush()
    os._exit(0)
for rounds in (10, 2_000_000, 200, 300_000):
    pid = os.fork()
    if not pid:
        work(rounds)
        os.write(ready[1], b"half")
        work(rounds)
        os._exit(0)
    os.read(ready[0], 4)
    shown("half")
    os.waitpid(pid, 0)
    shown("whole")
os.write(go[1], b".")
os.waitpid(waiting, 0)
