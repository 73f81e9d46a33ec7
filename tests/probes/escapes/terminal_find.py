# class: terminal
# attack: find the terminal of whoever runs the shell: controlling, by /proc, by /dev/pts
# success: a terminal of the host is opened
# layers: mount-namespace, pid-namespace
import os
import stat

found = []
for folder in ("/dev/pts", "/dev"):
    for name in os.listdir(folder):
        path = f"{folder}/{name}"
        try:
            if stat.S_ISCHR(os.stat(path).st_mode) and os.isatty(
                os.open(path, os.O_RDWR | os.O_NOCTTY)
            ):
                found.append(path)
        except OSError:
            pass
own = [path for path in found if path.endswith("ptmx")]
for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
    for number in range(3):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{number}")
        except OSError:
            continue
        if target.startswith(("/dev/pts", "/dev/tty")):
            found.append(target)
try:
    os.tcgetpgrp(os.open("/dev/tty", os.O_RDWR))
    found.append("/dev/tty")
except OSError:
    pass
foreign = sorted(set(found) - set(own))
print("escaped:" if foreign else "held: no terminal but a new one's own end", *foreign)
