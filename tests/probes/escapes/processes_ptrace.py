# class: processes
# attack: trace the process outside, the sandbox's first process, and a child of our own
# success: ptrace(2) attaches to any of them
# layers: seccomp, pid-namespace
import ctypes
import errno
import os
import sys

stage = dict(word.split("=", 1) for word in sys.argv[1:])
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
why = set()
for request in (16, 0x4206):  # PTRACE_ATTACH, PTRACE_SEIZE
    for pid in (int(stage["pid"]), 1, os.getppid()):
        if libc.ptrace(request, pid, None, None) == 0:
            print("escaped: attached to", pid)
            libc.ptrace(17, pid, None, None)
        else:
            why.add(errno.errorcode[ctypes.get_errno()])
print("held:", ", ".join(sorted(why)))
