# class: recorder
# attack: find the machine's own clock behind the recorded one: C library, time files, gc, processes
# success: an instant near the present is found, while the recorded clock stands elsewhere
import ctypes
import gc
import os
import time

recorded = time.time()
found = {}


class Instant(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("fraction", ctypes.c_long)]


libc = ctypes.CDLL(None)
room = Instant()
if libc.clock_gettime(0, ctypes.byref(room)) == 0:
    found["clock_gettime"] = room.seconds
if libc.gettimeofday(ctypes.byref(room), None) == 0:
    found["gettimeofday"] = room.seconds
found["time"] = libc.time(None)
for each in gc.get_objects():
    if (
        type(each).__name__ == "builtin_function_or_method"
        and each.__name__ == "time"
        and each.__module__ == "time"
    ):
        found["gc"] = each()
open("fresh", "w").close()
found["file"] = os.stat("fresh").st_mtime
away = {name: seconds for name, seconds in found.items() if abs(seconds - recorded) > 3600}
print("escaped: another clock by" if away else "held: every way tells the recorded clock", *away)
