"""Loops in the restricted tier against bare Python: attributes, items, methods, text, numbers.

One interpreter runs each program both ways in one process: as it is, and compiled by the policy
with the guards around it. The goal is five times the bare run at most.
"""

from bench.measure import Row, medians, timed
from os2shell.executors.sandbox.guest import guards, offered, policy

GOAL_TIMES = 5.0
PROGRAMS = {
    "attributes": """
class P:
    def __init__(self):
        self.x = 0
        self.y = 1
p = P()
for i in range(100000):
    p.x = p.x + p.y
    p.y += p.x & 1
""",
    "items": """
d = {"a": 0, "b": 1}
v = list(range(64))
for i in range(100000):
    d["a"] += v[i & 63]
    v[i & 63] = d["b"] + v[-1]
""",
    "methods": """
class Account:
    def __init__(self):
        self.total = 0
        self.log = []
    def add(self, n):
        self.total += n
        if n & 1023 == 0:
            self.log.append(n)
        return self.total
a = Account()
for i in range(100000):
    a.add(i)
""",
    "unpacking and text": """
out = []
for i, (a, b) in enumerate(zip(range(50000), range(50000))):
    a, b = b, a + i
    out.append(f"{a}:{b}")
text = ",".join(out)
""",
    "a sieve": """
n = 100000
sieve = [True] * (n + 1)
for i in range(2, int(n ** 0.5) + 1):
    if sieve[i]:
        for j in range(i * i, n + 1, i):
            sieve[j] = False
total = sum(i for i in range(2, n) if sieve[i])
""",
}


def rows(*, quick: bool) -> list[Row]:
    """One row for each program."""
    return [_row(name, source, 3 if quick else 9) for name, source in PROGRAMS.items()]


def _row(name: str, source: str, rounds: int) -> Row:
    guarded, offences = policy.compiled(source, "<bench>", "exec")
    if offences:
        raise ValueError(offences[0].told("<bench>"))
    plain = compile(source, "<bench>", "exec")

    def ours() -> float:
        world = offered.namespace(None)
        try:
            return timed(lambda: exec(guarded, world))
        finally:
            guards.own_classes.clear()

    def bare() -> float:
        world = {"__name__": "__main__"}
        return timed(lambda: exec(plain, world))

    mine, theirs = medians(rounds, ours, bare)
    return Row(f"restricted: {name}", "ms", mine, theirs, "bare python", theirs * GOAL_TIMES)
