"""ThreadPoolExecutor: map keeps order, as_completed and wait show the order of ends."""

import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait

with ThreadPoolExecutor(4) as pool:
    print(list(pool.map(lambda n: n * n, range(30))))
    print([future.result() for future in as_completed([pool.submit(int, n) for n in range(30)])])
    naps = [pool.submit(time.sleep, n / 10) for n in (3, 1, 2)]
    done, rest = wait(naps, return_when=FIRST_COMPLETED)
    print([naps.index(future) for future in done], len(rest))
    failing = pool.submit(lambda: 1 / 0)
    print(repr(failing.exception()))
    try:
        pool.submit(time.sleep, 100).result(timeout=5)
    except TimeoutError as error:
        print("late", type(error).__name__, time.monotonic())
print(time.monotonic())
