"""Loops that wait for another thread by looking at the clock, a lock, or nothing but sleep(0)."""

import threading
import time

flag = False
lock = threading.Lock()


def raise_flag() -> None:
    global flag
    time.sleep(0.01)
    flag = True


for look in (time.time, lambda: lock.acquire() and lock.release(), lambda: time.sleep(0.0001)):
    flag = False
    thread = threading.Thread(target=raise_flag)
    thread.start()
    count = 0
    if look.__name__ == "<lambda>":
        look()
    while not flag:
        time.monotonic()
        look()
        count += 1
    thread.join()
    print(count)
