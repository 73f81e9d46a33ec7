# class: files
# attack: openat2 and name tricks: magic links, trailing slashes, /dev/fd, bytes that are no UTF-8
# success: the canary's secret is printed
# layers: mount-namespace, landlock
import ctypes
import errno
import os
import struct
import sys

stage = dict(word.split("=", 1) for word in sys.argv[1:])
libc = ctypes.CDLL(None, use_errno=True)
why = set()
for path in (
    stage["canary"],
    "/proc/self/root" + stage["canary"],
    "/proc/1/root" + stage["canary"],
):
    how = struct.pack("QQQ", os.O_RDONLY, 0, 0)
    opened = libc.syscall(437, -100, path.encode(), how, len(how))
    if opened >= 0:
        print("escaped:", os.read(opened, 100))
    else:
        why.add(errno.errorcode[ctypes.get_errno()])
names = [
    "//" + stage["canary"],
    "/./." + stage["canary"],
    "/w/../w/.." + stage["canary"],
    "/dev/fd/0/.." + stage["canary"],
]
for path in [*map(os.fsencode, names), b"/\xff/.." + stage["canary"].encode()]:
    try:
        print("escaped:", open(path).read())
    except OSError as error:
        why.add(errno.errorcode[error.errno])
print("held:", ", ".join(sorted(why)))
