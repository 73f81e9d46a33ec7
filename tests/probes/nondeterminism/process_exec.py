"""A program that becomes another one stays in its world."""

import os
import sys

CODE = (
    "import os, time, random; print(time.time(), os.urandom(4).hex(), random.random(), os.getpid())"
)
print("before", flush=True)
os.execv(sys.executable, [sys.executable, "-c", CODE])
