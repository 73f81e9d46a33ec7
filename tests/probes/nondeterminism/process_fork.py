"""Forked children: clocks, entropy, numbers, order of what they print."""

import os
import time
import uuid

for number in range(5):
    child = os.fork()
    if not child:
        print(number, os.getpid(), time.time(), os.urandom(4).hex(), uuid.uuid4(), flush=True)
        os._exit(number)
    print(os.waitpid(child, 0), time.time(), flush=True)
print(os.urandom(4).hex())
