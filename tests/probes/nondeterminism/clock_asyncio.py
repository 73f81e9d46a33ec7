"""The loop's time, its timers and timeouts."""

import asyncio
import time


async def tick(name: str, seconds: float) -> str:
    await asyncio.sleep(seconds)
    print(name, asyncio.get_running_loop().time())
    return name


async def main() -> None:
    print(asyncio.get_running_loop().time())
    print(await asyncio.gather(tick("a", 3), tick("b", 1), tick("c", 2)))
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 60)
    except asyncio.TimeoutError:
        print("late", time.monotonic())
    done, pending = await asyncio.wait(
        {asyncio.ensure_future(tick(name, 1)) for name in "xyz"}, timeout=10
    )
    print(len(done), len(pending))


asyncio.run(main())
