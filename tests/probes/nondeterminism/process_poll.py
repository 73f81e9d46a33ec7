"""Children that are polled in loops, with and without a pause, and waited for in any order."""

import os
import subprocess
import sys
import time

CODE = "import sys, time; time.sleep(float(sys.argv[1])); print('slept', sys.argv[1], time.time())"
waiting = {n: subprocess.Popen([sys.executable, "-c", CODE, str(n)]) for n in (0.3, 0.1, 0.2)}
turns = 0
while waiting:
    turns += 1
    for seconds, child in list(waiting.items()):
        if child.poll() is not None:
            print("ended", seconds, child.returncode, turns, time.time(), flush=True)
            del waiting[seconds]
    time.sleep(0.05)
busy = subprocess.Popen([sys.executable, "-c", "sum(range(300000))"])
looks = 0
while busy.poll() is None:
    looks += 1
print("busy", looks)
for later in (False, True):
    pids = []
    for number in range(3):
        pid = os.fork()
        if not pid:
            time.sleep(number / 10)
            os._exit(number)
        pids.append(pid)
    ended = [os.waitpid(pid, 0) for pid in (reversed(pids) if later else pids)]
    print(ended, time.time())
