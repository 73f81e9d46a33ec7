"""Processes of multiprocessing: pools, queues, locks, values, events, in two ways of starting."""

import concurrent.futures
import multiprocessing
import os
import time


def square(number: int) -> "tuple[int, int]":
    time.sleep(0.001 * (number % 3))
    return number * number, os.getpid()


def add(total: object, lock: object, log: object, name: str) -> None:
    for _ in range(20):
        with lock:  # type: ignore[attr-defined]
            total.value += 1  # type: ignore[attr-defined]
            log.put((name, total.value))  # type: ignore[attr-defined]


def race(total: object) -> None:
    for _ in range(30):
        seen = total.value  # type: ignore[attr-defined]
        time.monotonic()
        time.sleep(0)
        total.value = seen + 1  # type: ignore[attr-defined]


def meet(barrier: object, event: object, sender: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    event.wait()  # type: ignore[attr-defined]
    sender.send((os.getpid(), time.time()))  # type: ignore[attr-defined]


def nap() -> None:
    time.sleep(1e6)


def race_and_hang(context: object, total: object) -> None:
    """How a process was started is no matter here, so this is done with the quicker way alone."""
    racers = [context.Process(target=race, args=(total,)) for _ in range(3)]  # type: ignore[attr-defined]
    [racer.start() for racer in racers]
    [racer.join() for racer in racers]
    print(total.value, [racer.exitcode for racer in racers])  # type: ignore[attr-defined]
    hanging = context.Process(target=nap)  # type: ignore[attr-defined]
    hanging.start()
    hanging.join(2)
    print(hanging.is_alive())
    hanging.terminate()
    hanging.join()
    print(hanging.exitcode, time.time())


def main(kind: str) -> None:
    context = multiprocessing.get_context(kind)
    with context.Pool(3) as pool:
        print(pool.map(square, range(10)))
        print(list(pool.imap_unordered(square, range(10))))
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        futures = [executor.submit(square, n) for n in range(6)]
        print([future.result() for future in concurrent.futures.as_completed(futures)])
    total, lock, log = context.Value("i", 0, lock=False), context.Lock(), context.Queue()
    workers = [context.Process(target=add, args=(total, lock, log, name)) for name in "ab"]
    [worker.start() for worker in workers]
    print([log.get() for _ in range(40)])
    [worker.join() for worker in workers]
    if kind == "fork":
        race_and_hang(context, total)
    barrier, event = context.Barrier(3), context.Event()
    ends = [context.Pipe(duplex=False) for _ in range(2)]
    those = [context.Process(target=meet, args=(barrier, event, end[1])) for end in ends]
    [one.start() for one in those]
    barrier.wait()
    time.sleep(1)
    event.set()
    print([end[0].recv() for end in ends], time.time())
    [one.join(5) for one in those]


if __name__ == "__main__":
    for kind in ("fork", "spawn"):
        print(kind, flush=True)
        main(kind)
    print(os.getpid())
