# class: survival
# attack: outlive the run by what wakes later: timers, signals to come, orphans in sessions of their own that sleep and ignore all
# success: a process of this run is alive after it
# layers: pid-namespace
import ctypes
import os
import signal

libc = ctypes.CDLL(None)
for _ in range(4):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(1, 65):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError):
                    pass
            libc.prctl(1, 0)
            libc.prctl(36, 1)
            while True:
                libc.pause()
        os._exit(0)
print("held: left sleepers behind", flush=True)
