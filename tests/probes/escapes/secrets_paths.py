# class: secrets
# attack: what the sandbox itself tells of the host: mount table, command line of the first process, file systems
# success: a path or a name of the host's users is told
# layers: mount-namespace, pid-namespace
import os
import socket

told = []
for path in (
    "/proc/self/mountinfo",
    "/proc/1/cmdline",
    "/proc/self/cgroup",
    "/proc/cmdline",
    "/proc/partitions",
    "/proc/swaps",
):
    try:
        text = open(path).read()
    except OSError:
        continue
    if any(word in text for word in ("/home/", "/root/", ".ssh", "password", "token")):
        told.append(path)
if socket.gethostname() != "os2":
    told.append("host name")
if os.path.exists("/etc/hostname") or os.path.exists("/etc/machine-id"):
    told.append("/etc/machine-id")
print("escaped:" if told else "held: no name of a user, no path of a home", *told)
