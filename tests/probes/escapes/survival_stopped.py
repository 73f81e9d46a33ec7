# class: survival
# attack: a child that is stopped, and one that stops the guest itself, so that nothing ends
# success: the run does not end, or one of them outlives it
# layers: pid-namespace
# ends: limit.wall, deadlock
import ctypes
import os
import signal

libc = ctypes.CDLL(None)  # os.kill refuses it by name
if os.fork() == 0:
    libc.kill(os.getpid(), signal.SIGSTOP)
if os.fork() == 0:
    os.setsid()
    while True:
        signal.pause()
libc.kill(os.getpid(), signal.SIGSTOP)
print("held: nobody stopped us", flush=True)
