"""Programs that print at once, read clocks and sleep beside each other: one order of their lines."""

import subprocess
import sys
import time

CODE = """
import sys, time
name = sys.argv[1]
for turn in range(4):
    for _ in range(60): time.monotonic()
    print(name, turn, time.time(), flush=True)
    if turn == 1: time.sleep(0.01 * len(name))
"""
children = [subprocess.Popen([sys.executable, "-c", CODE, "x" * n]) for n in (3, 1, 2)]
print("started", [child.pid for child in children], flush=True)
print([child.wait() for child in children], time.time())
