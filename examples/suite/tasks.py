"""asyncio: tasks that sleep, a queue between them, a time limit."""

import asyncio
import time


async def stage(name, pause, log):
    for turn in range(3):
        await asyncio.sleep(pause)
        log.append(f"{name}{turn}")
    return name


async def produce(line):
    for number in range(5):
        await line.put(number)
        await asyncio.sleep(0.01)
    await line.put(None)


async def consume(line):
    total = 0
    while (number := await line.get()) is not None:
        total += number
    return total


async def main():
    log, line = [], asyncio.Queue(2)
    began = asyncio.get_running_loop().time()
    print(await asyncio.gather(stage("a", 0.03, log), stage("b", 0.02, log), stage("c", 0.01, log)))
    print(log)
    _, total = await asyncio.gather(produce(line), consume(line))
    print(total)
    try:
        await asyncio.wait_for(asyncio.sleep(60), 0.05)
    except TimeoutError:
        print("over time")
    print(asyncio.get_running_loop().time() - began, time.time())


asyncio.run(main())
