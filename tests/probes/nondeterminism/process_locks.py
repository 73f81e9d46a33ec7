"""Processes that want one lock on a file: flock, lockf and fcntl; and a counter that it guards."""

import fcntl
import os
import time


def guarded(take: object, free: object) -> None:
    for name in "abc":
        if os.fork():
            continue
        file = os.open("lock", os.O_RDWR | os.O_CREAT)
        for _ in range(10):
            take(file)  # type: ignore[operator]
            with open("count") as found:
                count = int(found.read())
            time.sleep(0.001)
            with open("count", "w") as into:
                into.write(str(count + 1))
            with open("order", "a") as into:
                into.write(name)
            free(file)  # type: ignore[operator]
            time.monotonic()
        os._exit(0)
    for _ in range(3):
        os.wait()


WAYS = {
    "flock": (lambda f: fcntl.flock(f, fcntl.LOCK_EX), lambda f: fcntl.flock(f, fcntl.LOCK_UN)),
    "lockf": (lambda f: fcntl.lockf(f, fcntl.LOCK_EX), lambda f: fcntl.lockf(f, fcntl.LOCK_UN)),
    "os": (lambda f: os.lockf(f, os.F_LOCK, 1), lambda f: os.lockf(f, os.F_ULOCK, 1)),
    "none": (lambda f: None, lambda f: None),
}
for way, (take, free) in WAYS.items():
    for name, text in (("count", "0"), ("order", "")):
        with open(name, "w") as file:
            file.write(text)
    guarded(take, free)
    print(way, open("count").read(), open("order").read(), time.time())
