"""Two threads that play ping-pong over one condition; wait_for with a timeout; notify of some."""

import threading
import time

turn = 0
words: list[str] = []
condition = threading.Condition()


def play(number: int, word: str) -> None:
    global turn
    for _ in range(20):
        with condition:
            condition.wait_for(lambda: turn == number)
            words.append(word)
            turn = 1 - number
            condition.notify_all()


players = [threading.Thread(target=play, args=(n, w)) for n, w in enumerate(("ping", "pong"))]
for player in players:
    player.start()
for player in players:
    player.join()
print(*words)
begin = time.monotonic()
with condition:
    print(condition.wait_for(lambda: False, timeout=30), time.monotonic() - begin)
awake: list[int] = []


def sleep(number: int) -> None:
    with condition:
        condition.wait()
        awake.append(number)


sleepers = [threading.Thread(target=sleep, args=(n,)) for n in range(6)]
for sleeper in sleepers:
    sleeper.start()
time.sleep(1)
for count in (2, 4):
    with condition:
        condition.notify(count)
    time.sleep(1)
    print(awake)
