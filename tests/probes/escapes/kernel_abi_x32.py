# class: kernel
# attack: the same kernel by another ABI's numbers: x32 calls, which a filter by number may overlook
# success: a call of the other ABI is answered
# layers: seccomp
# ends: signal:SIGSYS
import ctypes
import errno
import os

libc = ctypes.CDLL(None, use_errno=True)
why = set()
for number in (39, 425, 165, 101, 272):  # getpid, io_uring_setup, mount, ptrace, unshare
    child = os.fork()
    if child == 0:
        result = libc.syscall(0x40000000 | number, 0, 0, 0, 0, 0)
        code = ctypes.get_errno()
        os._exit(0 if result >= 0 else 1 if code == errno.ENOSYS else 2)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        why.add(f"signal {os.WTERMSIG(status)}")
    elif os.WEXITSTATUS(status) == 1:
        why.add("ENOSYS")
    else:
        print("escaped: x32 call", number, os.WEXITSTATUS(status))
print("held:", ", ".join(sorted(why)))
