# class: processes
# attack: read the memory of other processes: process_vm_readv, /proc/PID/mem, /proc/kcore
# success: memory outside is read, or the secret is printed
# layers: seccomp, pid-namespace, mount-namespace
import ctypes
import errno
import os
import sys

stage = dict(word.split("=", 1) for word in sys.argv[1:])
libc = ctypes.CDLL(None, use_errno=True)
pid = int(stage["pid"])
why = set()
room = ctypes.create_string_buffer(64)


class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


own = Vector(ctypes.addressof(room), 64)
for target in (pid, 1):
    for name, call in (("read", libc.process_vm_readv), ("write", libc.process_vm_writev)):
        other = Vector(0x555555555000, 64)
        if call(target, ctypes.byref(own), 1, ctypes.byref(other), 1, 0) >= 0:
            print("escaped:", name, target)
        else:
            code = errno.errorcode[ctypes.get_errno()]
            if code == "EFAULT":
                print("escaped: may", name, "memory of", target)
            why.add(code)
for path in (
    f"/proc/{pid}/mem",
    "/proc/1/mem",
    f"/proc/{os.getppid()}/mem",
    "/proc/kcore",
    "/dev/mem",
):
    try:
        os.open(path, os.O_RDWR)
        print("escaped: opened", path)
    except OSError as error:
        why.add(errno.errorcode[error.errno])
print("held:", ", ".join(sorted(why)))
