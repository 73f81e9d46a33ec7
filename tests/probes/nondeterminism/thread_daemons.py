"""Daemon threads end with the program; the others are waited for; atexit comes after them."""

import atexit
import threading
import time

atexit.register(print, "atexit")


def tick() -> None:
    for n in range(1000):
        time.sleep(1)
        print("tick", n)


def late() -> None:
    time.sleep(2.5)
    print("late")


threading.Thread(target=tick, daemon=True).start()
threading.Thread(target=late).start()
print("main ends")
