# class: processes
# attack: take descriptors out of other processes with pidfd_getfd, compare them with kcmp
# success: either works on a process that is not our own
# layers: seccomp, pid-namespace
import ctypes
import errno
import os
import sys

stage = dict(word.split("=", 1) for word in sys.argv[1:])
libc = ctypes.CDLL(None, use_errno=True)
KCMP = {"x86_64": 312, "aarch64": 272}.get(os.uname().machine, 312)
why = set()
for pid in (int(stage["pid"]), 1, os.getppid()):
    try:
        held = os.pidfd_open(pid)
    except OSError as error:
        why.add("pidfd_open: " + errno.errorcode[error.errno])
        continue
    for number in range(4):
        if libc.syscall(438, held, number, 0) >= 0:
            print("escaped: took descriptor", number, "of", pid)
        else:
            why.add("pidfd_getfd: " + errno.errorcode[ctypes.get_errno()])
if libc.syscall(KCMP, os.getpid(), os.getppid(), 0, 0, 0) >= 0:
    print("escaped: kcmp answers")
else:
    why.add("kcmp: " + errno.errorcode[ctypes.get_errno()])
print("held:", ", ".join(sorted(why)))
