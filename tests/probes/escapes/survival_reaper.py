# class: survival
# attack: children that become their own reaper, change name and group, and hold the output open
# success: one of them outlives the run
# layers: pid-namespace
import ctypes
import os
import signal

libc = ctypes.CDLL(None)
for name in (b"kworker/0:1", b"systemd", b"sh"):
    if os.fork() == 0:
        libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
        libc.prctl(1, 0, 0, 0, 0)  # PR_SET_PDEATHSIG off
        libc.prctl(15, name, 0, 0, 0)
        os.setpgid(0, 0)
        if os.fork() == 0:
            while True:
                signal.pause()
        while True:
            signal.pause()
print("held: they are left behind; whether they live is seen from outside", flush=True)
