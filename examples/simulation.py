"""A day at a bakery counter: customers come at random, and one clerk serves them.

Run it with:  os2 python simulation.py [CUSTOMERS]

Nothing here is seeded and the clock is the real one. Yet os2 performs every recorded run again to
the last digit, because it recorded where the randomness and the time came from.
"""

import random
import statistics
import sys
import time
import uuid
from datetime import datetime, timedelta

OPENS = 7
BETWEEN_CUSTOMERS = 150  # seconds, on average
SERVICE = 140
BREADS = ("rye", "wheat", "spelt", "baguette", "walnut")


def serve(customers: int) -> tuple[list[float], dict[str, int], float]:
    """Waiting times in seconds, loaves sold by kind, and when the last customer left."""
    arrival = clerk_free = 0.0
    waits, sold = [], dict.fromkeys(BREADS, 0)
    for number in range(1, customers + 1):
        arrival += random.expovariate(1 / BETWEEN_CUSTOMERS)
        begins = max(arrival, clerk_free)
        clerk_free = begins + random.gauss(SERVICE, 30)
        waits.append(begins - arrival)
        for bread in random.choices(BREADS, weights=(5, 4, 2, 6, 1), k=random.randint(1, 3)):
            sold[bread] += 1
        print("." if number % 10 else number, end="", flush=True)
        time.sleep(0.005)
    print()
    return waits, sold, clerk_free


def histogram(waits: list[float]) -> None:
    for low, high in ((0, 2), (2, 5), (5, 10), (10, 20), (20, 999)):
        count = sum(low <= wait / 60 < high for wait in waits)
        print(f"  from {low:>2} min  {'*' * round(60 * count / len(waits)):<40} {count}")


def main() -> None:
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    day = datetime.now().replace(hour=OPENS, minute=0, second=0, microsecond=0)
    started = time.perf_counter()
    print(f"Simulation {uuid.uuid4()} for {day:%A, %d %B %Y}")

    waits, sold, last = serve(customers)
    closing = day + timedelta(seconds=last)

    print(f"Mean wait {statistics.mean(waits) / 60:.2f} min, longest {max(waits) / 60:.2f} min")
    histogram(waits)
    favourites = sorted(sold, key=lambda bread: sold[bread], reverse=True)
    print("Sold: " + ", ".join(f"{sold[bread]} {bread}" for bread in favourites))
    print(f"The last customer left at {closing:%H:%M:%S}")
    print(f"Simulated in {time.perf_counter() - started:.3f} s")


if __name__ == "__main__":
    main()
