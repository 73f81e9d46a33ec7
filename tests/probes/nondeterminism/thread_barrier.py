"""Barriers: who draws which place, a timeout breaks, an action runs once."""

import threading

places: list[tuple[int, int]] = []
barrier = threading.Barrier(5, action=lambda: places.append((-1, -1)))


def meet(number: int) -> None:
    for _ in range(4):
        places.append((number, barrier.wait()))


threads = [threading.Thread(target=meet, args=(n,)) for n in range(5)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(places)
try:
    barrier.wait(timeout=9)
except threading.BrokenBarrierError:
    print("broken", barrier.broken)
