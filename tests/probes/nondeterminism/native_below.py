"""A C extension that asks the processor and the kernel by instruction: in threads, forks, children too."""
# extension: below
# machine: x86_64

import os
import subprocess
import sys
import threading
import time

import below


def told(name):
    print(name, below.rdtsc(), below.rdtscp(), below.clocks()[-3:])
    print(below.entropy(), below.page(), flush=True)


print(below.clocks())
print(below.usage())
print(below.old_page())
print(below.takes_signals())
told("main")
thread = threading.Thread(target=told, args=("thread",))
thread.start()
thread.join()
if not os.fork():
    told("fork")
    os._exit(0)
print(os.wait4(-1, 0))
CHILD = "import below; print(below.rdtsc(), below.entropy(), below.clocks()[:4])"
print(subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True))
words = [sys.executable, "-c", CHILD]
print(os.waitpid(os.posix_spawn(sys.executable, words, dict(os.environ)), 0)[1])
time.sleep(1000)
told("later")
