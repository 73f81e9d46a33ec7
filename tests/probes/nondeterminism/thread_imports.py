"""Several threads import the same and different modules at once."""

import threading

NAMES = ("json", "decimal", "email.message", "csv", "json", "fractions", "decimal", "argparse")
order: list[str] = []


def bring(name: str) -> None:
    __import__(name)
    order.append(name)


threads = [threading.Thread(target=bring, args=(name,)) for name in NAMES]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(order)
