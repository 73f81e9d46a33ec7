"""Semaphores, reentrant locks, events, and thread-local values under contention."""

import threading
import time

gate = threading.BoundedSemaphore(2)
again = threading.RLock()
go = threading.Event()
lines: list[str] = []
inside = 0


def work(n: int) -> None:
    global inside
    go.wait()
    with gate:
        inside += 1
        lines.append(f"{n} in with {inside}")
        time.sleep(0.1)
        with again, again:
            lines.append(f"{n} twice")
        inside -= 1


threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
for thread in threads:
    thread.start()
go.set()
for thread in threads:
    thread.join()
print(*lines, sep="\n")
print(again, gate, gate.acquire(timeout=3), gate.acquire(timeout=3), gate.acquire(timeout=3))
