"""asyncio: gather, sleeps, timeouts, queues, events, semaphores, to_thread, run_in_executor."""

import asyncio
import threading
import time


def block(n: int) -> tuple[int, str]:
    time.sleep(n / 10)
    return n, threading.current_thread().name


async def feed(channel: asyncio.Queue[int]) -> None:
    for n in range(8):
        await channel.put(n)
        await asyncio.sleep(0.01)


async def drain(name: str, channel: asyncio.Queue[int], said: list[str]) -> None:
    while True:
        said.append(f"{name}{await channel.get()}")
        channel.task_done()


async def main() -> None:
    loop = asyncio.get_running_loop()
    print(await asyncio.gather(*(asyncio.to_thread(block, n) for n in (3, 1, 2))))
    order = []
    for done in asyncio.as_completed([loop.run_in_executor(None, block, n) for n in (3, 1, 2, 1)]):
        order.append((await done)[0])
    print(order)
    try:
        async with asyncio.timeout(2):
            await asyncio.Event().wait()
    except TimeoutError:
        print("late", loop.time())
    channel: asyncio.Queue[int] = asyncio.Queue(2)
    said: list[str] = []
    drains = [asyncio.create_task(drain(name, channel, said)) for name in "ab"]
    await feed(channel)
    await channel.join()
    for task in drains:
        task.cancel()
    print(said)
    event = asyncio.Event()
    threading.Timer(4, loop.call_soon_threadsafe, (event.set,)).start()
    await event.wait()
    print(loop.time())


asyncio.run(main())
