"""Producers and consumers over each kind of queue."""

import queue
import threading

got: list[tuple[str, int, int]] = []


def consume(kind: str, number: int, source: queue.Queue[int | None]) -> None:
    while (item := source.get()) is not None:
        got.append((kind, number, item))


for kind, source in (
    ("fifo", queue.Queue(3)),
    ("lifo", queue.LifoQueue()),
    ("simple", queue.SimpleQueue()),
):
    threads = [threading.Thread(target=consume, args=(kind, n, source)) for n in range(3)]
    for thread in threads:
        thread.start()
    for item in range(25):
        source.put(item)
    for _ in threads:
        source.put(None)
    for thread in threads:
        thread.join()
for row in got:
    print(*row)
try:
    queue.Queue().get(timeout=60)
except queue.Empty:
    print("empty")
try:
    queue.SimpleQueue().get(timeout=60)
except queue.Empty:
    print("empty")
