"""Several event loops, each in a thread of its own, that send coroutines to one another."""

import asyncio
import threading

loops: list[asyncio.AbstractEventLoop] = []
lines: list[str] = []


def serve() -> None:
    loop = asyncio.new_event_loop()
    loops.append(loop)
    loop.run_forever()
    loop.close()


async def work(name: str) -> str:
    await asyncio.sleep(1)
    lines.append(f"{name} in {threading.current_thread().name}")
    return name


threads = [threading.Thread(target=serve, name=f"loop{n}") for n in range(3)]
for thread in threads:
    thread.start()
while len(loops) < 3:
    threading.Event().wait(0.1)
futures = [asyncio.run_coroutine_threadsafe(work(f"w{n}"), loops[n % 3]) for n in range(9)]
print([future.result(timeout=60) for future in futures])
for loop in loops:
    loop.call_soon_threadsafe(loop.stop)
for thread in threads:
    thread.join()
print(*lines, sep="\n")
