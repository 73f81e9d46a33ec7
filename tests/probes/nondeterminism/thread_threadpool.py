"""multiprocessing.pool.ThreadPool and multiprocessing.dummy."""

import multiprocessing.dummy
from multiprocessing.pool import ThreadPool

with ThreadPool(3) as pool:
    print(pool.map(lambda n: n * 2, range(20)))
    print(list(pool.imap_unordered(lambda n: n, range(20))))
    print(pool.apply_async(pow, (2, 10)).get(timeout=60))
with multiprocessing.dummy.Pool(2) as pool:
    print(pool.starmap(pow, [(2, 3), (3, 2)]))
