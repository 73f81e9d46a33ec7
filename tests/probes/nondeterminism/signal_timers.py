"""Alarms and interval timers, in virtual time."""

import signal
import time


def ring(number: int, _frame: object) -> None:
    print("signal", number, time.monotonic())


signal.signal(signal.SIGALRM, ring)
try:
    print(signal.alarm(5))
    time.sleep(10)
    print(signal.setitimer(signal.ITIMER_REAL, 1, 2))
    for _ in range(5):
        time.sleep(1)
    print(signal.getitimer(signal.ITIMER_REAL), signal.setitimer(signal.ITIMER_REAL, 0))
    signal.alarm(3)
    total = 0
    while total < 100_000:
        total += 1
    print(signal.alarm(0), total)
    signal.setitimer(signal.ITIMER_VIRTUAL, 1)
except OSError as error:
    print(error)
