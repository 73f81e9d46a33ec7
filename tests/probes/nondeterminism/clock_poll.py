"""Waits of poll and epoll that nobody ends."""

import os
import select
import time

reading, writing = os.pipe()
start = time.monotonic()
poll = select.poll()
poll.register(reading, select.POLLIN)
print(poll.poll(5000), time.monotonic() - start)
epoll = select.epoll()
epoll.register(reading, select.EPOLLIN)
print(epoll.poll(5), time.monotonic() - start)
os.write(writing, b"x")
print(poll.poll(5000), epoll.poll(5), time.monotonic() - start)
