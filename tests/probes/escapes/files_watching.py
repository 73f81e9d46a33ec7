# class: files
# attack: watch the image's files, which are other runs' too: inotify, dnotify, fanotify, leases that make writers outside wait
# success: a watch or a lease is granted
# layers: seccomp
import ctypes
import fcntl
import os

why = set()
libc = ctypes.CDLL(None, use_errno=True)
for name, words in (
    ("inotify_init", ()),
    ("inotify_init1", (0,)),
    ("fanotify_init", (0, 0)),
):
    number = getattr(libc, name)(*words)
    if number >= 0:
        print("escaped:", name)
    why.add(os.strerror(ctypes.get_errno()))
folder = os.open("/py/lib", os.O_RDONLY | os.O_DIRECTORY)
file = os.open("/os2/os2guest/boot.py", os.O_RDONLY)
for number, command, value in (
    (folder, fcntl.F_NOTIFY, 1 | 2 | 0x80000000),
    (file, fcntl.F_SETLEASE, fcntl.F_RDLCK),
    (file, fcntl.F_SETLEASE, fcntl.F_WRLCK),
):
    if libc.syscall(72, number, ctypes.c_long(command), ctypes.c_long(value)) >= 0:
        print("escaped: fcntl", command)
    if libc.syscall(72, number, ctypes.c_long(command | 1 << 32), ctypes.c_long(value)) >= 0:
        print("escaped: fcntl with high bits", command)
    why.add(os.strerror(ctypes.get_errno()))
print("held:", *sorted(why))
