"""Thousands of threads, each of them short; identities of objects made in them."""

import threading

ends: list[int] = []
threads = []
for n in range(2000):
    thread = threading.Thread(target=ends.append, args=(n,))
    thread.start()
    threads.append(thread)
for thread in threads:
    thread.join()
print(len(ends), sum(n * k for n, k in enumerate(ends)), threads[-1].ident, threads[-1].native_id)
made: list[object] = []
threads = [
    threading.Thread(target=lambda: made.extend(object() for _ in range(50))) for _ in range(40)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print([hex(id(thing)) for thing in made[::100]], {type(t) for t in threads})
