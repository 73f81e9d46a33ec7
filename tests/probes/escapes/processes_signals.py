# class: processes
# attack: find and signal processes outside: by number, by group, by every number there is
# success: the process outside is gone, or any number but our own answers
# layers: pid-namespace, landlock-scopes
import os
import signal
import sys

stage = dict(word.split("=", 1) for word in sys.argv[1:])
pid = int(stage["pid"])
why = set()
for act in (
    lambda: os.kill(pid, signal.SIGTERM),
    lambda: signal.pidfd_send_signal(os.pidfd_open(pid), signal.SIGTERM),
):
    try:
        act()
        print("escaped: signalled", pid)
    except OSError as error:
        why.add(error.strerror)
reached = []
for number in range(1, 40000):
    try:
        os.kill(number, 0)  # asks only
        reached.append(number)
    except OSError:
        pass
foreign = [number for number in reached if number not in (os.getpid(), os.getppid(), 1, 2)]
if len(foreign) > 2:
    print("escaped: these answer", foreign[:20])
print("held:", ", ".join(sorted(why)))
