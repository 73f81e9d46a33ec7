"""Pools that start pools, and initializers that name threads."""

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed

local = threading.local()


def begin() -> None:
    local.name = threading.current_thread().name


def outer(n: int) -> list[str]:
    with ThreadPoolExecutor(3, thread_name_prefix=f"inner{n}", initializer=begin) as pool:
        jobs = [pool.submit(lambda k: f"{n}.{k}@{local.name}", k) for k in range(4)]
        return [job.result() for job in as_completed(jobs)]


with ThreadPoolExecutor(2) as pool:
    for job in as_completed([pool.submit(outer, n) for n in range(4)]):
        print(job.result())
print(threading.active_count(), threading.enumerate())
