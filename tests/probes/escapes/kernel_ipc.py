# class: kernel
# attack: System V shared memory and semaphores, POSIX queues: channels past the file system
# success: any of them is made
# layers: seccomp, ipc-namespace
import ctypes
import errno

libc = ctypes.CDLL(None, use_errno=True)
why = set()
for name, call in {
    "shmget": lambda: libc.shmget(0x6F73, 4096, 0o1666),
    "semget": lambda: libc.semget(0x6F73, 1, 0o1666),
    "msgget": lambda: libc.msgget(0x6F73, 0o1666),
    "mq_open": lambda: libc.syscall(240, b"os2", 0o102, 0o666, None),
}.items():
    if call() >= 0:
        print("escaped:", name)
    else:
        why.add(errno.errorcode[ctypes.get_errno()])
print("held:", ", ".join(sorted(why)))
