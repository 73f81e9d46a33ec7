"""What the process used of the machine."""

import os
import resource
import time

total = sum(number * number for number in range(200_000))
print(total, os.times())
print(resource.getrusage(resource.RUSAGE_SELF))
print(resource.getrusage(resource.RUSAGE_CHILDREN))
print(time.process_time(), os.times().user)
