"""Estimate pi by throwing darts, in the restricted tier: no files, no system, listed imports only.

Run it with:  os2 pyvm restricted.py
"""

import math
import random
import statistics

DARTS = 2000
ROUNDS = 5


def throw(darts):
    hits = 0
    for _ in range(darts):
        x, y = random.random(), random.random()
        if x * x + y * y <= 1:
            hits += 1
    return 4 * hits / darts


estimates = [throw(DARTS) for _ in range(ROUNDS)]
for number, estimate in enumerate(estimates, start=1):
    print(f"round {number}: {estimate:.4f}")

mean = statistics.mean(estimates)
print(f"pi is about {mean:.4f}, off by {abs(mean - math.pi):.4f}")
