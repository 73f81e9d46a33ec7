"""Every clock of time, its zones and its formats."""

import time

print(time.time(), time.time_ns(), time.monotonic(), time.monotonic_ns())
print(time.perf_counter(), time.perf_counter_ns(), time.process_time(), time.thread_time())
print(time.process_time_ns(), time.thread_time_ns())
print(time.ctime(), time.asctime(), time.strftime("%c"), time.localtime(), time.gmtime())
for name in sorted(dir(time)):
    if name.startswith("CLOCK_"):
        try:
            value = time.clock_gettime_ns(getattr(time, name))
        except OSError as error:
            value = error
        print(name, value)
print([time.get_clock_info(name) for name in ("time", "monotonic", "perf_counter")])
print(time.tzname, time.timezone, time.daylight)
