"""Timers fire in the order of their instants, at those instants; cancelled ones never."""

import sched
import threading
import time

begin = time.monotonic()


def fire(name: str) -> None:
    print(name, round(time.monotonic() - begin, 3), threading.current_thread().name)


timers = [threading.Timer(s, fire, (str(s),)) for s in (3.0, 0.5, 2.0, 100.0)]
for timer in timers:
    timer.start()
timers[3].cancel()
for timer in timers:
    timer.join()
plan = sched.scheduler()
for delay in (5, 1, 3):
    plan.enter(delay, 1, fire, (f"sched {delay}",))
plan.run()
