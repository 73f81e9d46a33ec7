"""Traced memory."""

import tracemalloc

tracemalloc.start()
data = [bytes(100) for _ in range(100)]
print(tracemalloc.get_traced_memory())
for row in tracemalloc.take_snapshot().statistics("lineno")[:3]:
    print(row)
