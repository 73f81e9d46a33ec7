"""Sleepers wake by their instants; of equal ones who slept first wakes first."""

import threading
import time

woken: list[int] = []


def nap(n: int) -> None:
    time.sleep(until - time.monotonic())
    woken.append(n)


until = time.monotonic() + 10
threads = [threading.Thread(target=nap, args=(n,)) for n in range(10)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(woken, round(time.monotonic() - until, 3))
for n in range(24):
    threading.Thread(target=lambda k=n: (time.sleep((k * 7 % 24) / 10), woken.append(k))).start()
time.sleep(100)
print(woken[10:])
