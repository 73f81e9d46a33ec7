"""Signals between processes: to a sleeping child, one that handles, one that ignores, and a group."""

import os
import signal
import subprocess
import sys
import time

sleeping = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1e6)"])
time.sleep(1)
sleeping.terminate()
print(sleeping.wait(), time.time())
sleeping = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1e6)"])
sleeping.kill()
print(sleeping.wait(), time.time())
HANDLES = """
import signal, sys, time
def handler(number, frame):
    print('child got', signal.Signals(number).name, time.time(), flush=True)
    if number == signal.SIGTERM: sys.exit(7)
signal.signal(signal.SIGUSR1, handler); signal.signal(signal.SIGTERM, handler)
print('ready', flush=True)
while True: time.sleep(10); print('woke', time.time(), flush=True)
"""
child = subprocess.Popen([sys.executable, "-c", HANDLES], stdout=subprocess.PIPE, text=True)
assert child.stdout
print(child.stdout.readline())
for number in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGTERM):
    child.send_signal(number)
    time.sleep(3)
print(child.stdout.read(), child.wait())
ended = []
signal.signal(signal.SIGCHLD, lambda *_: ended.append(time.time()))
for seconds in (2, 1):
    if not os.fork():
        time.sleep(seconds)
        os._exit(0)
while len(ended) < 2:
    signal.pause()
print(ended, os.wait(), os.wait())
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
pid = os.fork()
if not pid:
    signal.signal(signal.SIGUSR2, lambda *_: os._exit(9))
    os.kill(os.getppid(), signal.SIGUSR2)
    while True:
        signal.pause()
signal.signal(signal.SIGUSR2, lambda *_: print("parent got it", time.time(), flush=True))
time.sleep(1)
os.kill(pid, signal.SIGUSR2)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
try:
    pid = os.fork()
    if not pid:
        time.sleep(100)
        os._exit(0)
    os.kill(pid, signal.SIGSTOP)
except OSError as error:
    print(error)
os.kill(pid, signal.SIGKILL)
print(os.waitpid(pid, 0))
