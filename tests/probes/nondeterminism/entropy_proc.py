"""Entropy that /proc hands out."""

import os

for name in ("boot_id", "uuid", "entropy_avail", "poolsize"):
    path = "/proc/sys/kernel/random/" + name
    try:
        with open(path) as file:
            print(name, file.read().strip())
        descriptor = os.open(path, os.O_RDONLY)
        print(name, os.read(descriptor, 100))
    except OSError as error:
        print(name, type(error).__name__, error.errno)
with open("/proc/self/auxv", "rb") as file:
    data = file.read()
words = [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]
print(dict(zip(words[::2], words[1::2])))
