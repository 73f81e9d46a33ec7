"""Sleeps of days take no time, and the clock knows them."""

import select
import signal
import threading
import time

start = time.monotonic()
time.sleep(86_400)
print(time.monotonic() - start)
select.select([], [], [], 3600)
print(time.monotonic() - start)
threading.Event().wait(1800)
print(time.monotonic() - start)
print(signal.sigtimedwait([signal.SIGUSR1], 100), time.monotonic() - start)
