# class: kernel
# attack: int 0x80 from code of our own in a mapped file: calls by i386 numbers
# success: the kernel answers with our process number
# layers: seccomp
# ends: signal:SIGSYS
import ctypes
import os
import platform

code = bytes.fromhex("b814000000cd80c3")  # mov eax, 20 (getpid); int 0x80; ret
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
]
if platform.machine() != "x86_64":
    print("held: this machine has no such ABI")
    raise SystemExit
with open("/w/code", "wb") as file:
    file.write(code.ljust(4096, b"\xc3"))
place = os.open("/w/code", os.O_RDONLY)
address = libc.mmap(None, 4096, 5, 2, place, 0)
if address in (None, ctypes.c_void_p(-1).value):
    print("held: no code of our own can be mapped,", os.strerror(ctypes.get_errno()))
    raise SystemExit
child = os.fork()
if child == 0:
    os._exit(0 if ctypes.CFUNCTYPE(ctypes.c_int)(address)() > 0 else 1)
status = os.waitpid(child, 0)[1]
if os.WIFSIGNALED(status):
    print("held: signal", os.WTERMSIG(status))
elif os.WEXITSTATUS(status) == 0:
    print("escaped: an i386 call was answered")
else:
    print("held: refused")
