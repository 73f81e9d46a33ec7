"""Updates that several threads lose to each other: which ones are lost is the seed's choice."""

import threading
import time

total = 0
lock = threading.Lock()


def add() -> None:
    global total
    for _ in range(300):
        seen = total
        with lock:
            pass
        time.monotonic()
        total = seen + 1


threads = [threading.Thread(target=add) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(total, total < 1200)
