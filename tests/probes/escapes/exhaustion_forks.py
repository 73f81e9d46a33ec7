# class: exhaustion
# attack: a fork bomb, stopped at 200 processes
# success: 200 processes live at once
# layers: rlimits, cgroup-pids
# ends: limit.processes
import os
import signal

children = []
read, write = os.pipe()
try:
    while len(children) < 200:
        child = os.fork()
        if child == 0:
            os.close(write)
            os.read(read, 1)  # until the parent is gone
            os._exit(0)
        children.append(child)
    print("escaped: 200 processes")
except OSError as error:
    while True:  # stay, so that the supervisor sees how many there are
        signal.pause()
finally:
    for child in children:
        os.kill(child, signal.SIGKILL)
