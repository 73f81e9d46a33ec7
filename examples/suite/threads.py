"""Threads: a pool, a queue, and a race whose outcome only the scheduler decides."""

import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

with ThreadPoolExecutor(4) as pool:
    print(list(pool.map(lambda number: number * number, range(20))))
    waiting = [pool.submit(lambda n=n: (time.sleep(n * 0.001), n)[1]) for n in (5, 1, 3, 2, 4)]
    print([done.result() for done in as_completed(waiting)])

jobs, done = queue.Queue(4), []


def work(name):
    while (job := jobs.get()) is not None:
        done.append((name, job))


workers = [threading.Thread(target=work, args=(name,)) for name in "abc"]
for worker in workers:
    worker.start()
for job in range(12):
    jobs.put(job)
for _ in workers:
    jobs.put(None)
for worker in workers:
    worker.join()
print(done)

count = 0


def race():
    global count
    for _ in range(50):
        seen = count
        time.sleep(0)
        count = seen + 1


racers = [threading.Thread(target=race) for _ in range(3)]
for racer in racers:
    racer.start()
for racer in racers:
    racer.join()
print("lost", 150 - count)
