"""Signals that threads send to the process, and timers: handlers run in the main thread."""

import os
import signal
import threading
import time

seen: list[tuple[str, int]] = []


def note(number: int, frame: object) -> None:
    seen.append((threading.current_thread().name, number))


signal.signal(signal.SIGUSR1, note)
signal.signal(signal.SIGALRM, note)


def send(n: int) -> None:
    time.sleep(n)
    os.kill(os.getpid(), signal.SIGUSR1)
    seen.append((threading.current_thread().name, 0))


threads = [threading.Thread(target=send, args=(n,)) for n in (1, 2, 3)]
for thread in threads:
    thread.start()
signal.setitimer(signal.ITIMER_REAL, 1.5, 1)
for thread in threads:
    thread.join()
signal.setitimer(signal.ITIMER_REAL, 0)
print(seen)
begin = time.monotonic()
signal.alarm(5)
time.sleep(10)
print(seen[-1], round(time.monotonic() - begin, 3))
