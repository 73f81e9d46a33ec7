# class: exhaustion
# attack: wait for ever, deaf to every signal that can be ignored
# success: the run does not end
# ends: limit.wall, deadlock
import os
import signal

for number in range(1, signal.NSIG):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
os.read(os.pipe()[0], 1)
print("escaped: woke up")
