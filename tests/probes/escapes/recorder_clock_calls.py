# class: recorder
# attack: the machine's own clock by the bare system call, past every library
# success: an instant near the present is found, while the recorded clock stands elsewhere
import ctypes
import os
import time

libc = ctypes.CDLL(None)
room = (ctypes.c_long * 2)()
number = {"x86_64": 228, "aarch64": 113}.get(os.uname().machine, 228)
result = libc.syscall(number, 0, room)
if result < 0:
    print("held: refused")
elif abs(room[0] - time.time()) > 3600:
    print("escaped: another clock by system call")
else:
    print("held: the recorded clock")
