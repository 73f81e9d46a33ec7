# class: namespaces
# attack: make namespaces of our own, in which a guest would be root: unshare, clone, clone3
# success: any of them succeeds
# layers: seccomp, userns-disabled
import ctypes
import errno
import os
import signal
import struct

libc = ctypes.CDLL(None, use_errno=True)
CLONE = {"x86_64": 56, "aarch64": 220}.get(os.uname().machine, 56)
flags = {
    "user": 0x10000000, "mount": 0x20000, "pid": 0x20000000, "net": 0x40000000, "ipc": 0x8000000,
    "uts": 0x4000000, "cgroup": 0x2000000, "time": 0x80,
}  # fmt: skip
why = set()
for name, flag in flags.items():
    for both in (flag, flag | flags["user"]):
        if libc.unshare(both) == 0:
            print("escaped: unshare", name)
        else:
            why.add("unshare: " + errno.errorcode[ctypes.get_errno()])
    made = libc.syscall(CLONE, flag | flags["user"] | signal.SIGCHLD, 0, 0, 0, 0)
    if made == 0:
        os._exit(0)
    if made > 0:
        os.waitpid(made, 0)
        print("escaped: clone", name)
    else:
        why.add("clone: " + errno.errorcode[ctypes.get_errno()])
words = struct.pack("11Q", flags["user"], 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, 0)
made = libc.syscall(435, words, len(words))
if made == 0:
    os._exit(0)
if made > 0:
    print("escaped: clone3")
else:
    why.add("clone3: " + errno.errorcode[ctypes.get_errno()])
print("held:", ", ".join(sorted(why)))
