"""Threads that start children, by program and by fork; timers, groups and signals beside them."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor


def child(seconds: int) -> None:
    code = f"import time; time.sleep({seconds}); print({seconds}, time.time())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    print(threading.current_thread().name, done.stdout.strip(), time.time(), flush=True)


def forked(number: int) -> "tuple[int, float]":
    pid = os.fork()
    if not pid:
        time.sleep(number / 10)
        os._exit(number)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), time.time()


threads = [threading.Thread(target=child, args=(seconds,)) for seconds in (3, 1, 2)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
rung: "list[float]" = []
signal.signal(signal.SIGALRM, lambda *_: rung.append(time.time()))
signal.setitimer(signal.ITIMER_REAL, 0.5, 0.5)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1.8)"]).wait()
signal.setitimer(signal.ITIMER_REAL, 0)
print(rung)
with ThreadPoolExecutor(4) as executor:
    print(list(executor.map(forked, range(6))))
pids: "list[int]" = []
for number in range(5):
    pid = os.fork()
    if not pid:
        if number == 2:
            [os.kill(other, signal.SIGKILL) for other in pids]
            print("killed", pids, flush=True)
            os._exit(0)
        while True:
            time.sleep(1)
    pids.append(pid)
print(sorted(os.wait() for _ in range(3)))
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.kill(0, signal.SIGTERM)
print(sorted(os.wait() for _ in range(2)))
