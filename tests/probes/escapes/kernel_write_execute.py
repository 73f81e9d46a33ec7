# class: kernel
# attack: memory that can be written and executed at once
# success: such a mapping is made
# layers: seccomp

# Memory that is written first and executed later is what compilers at run time make, and no more than a
# library in the workspace brings: it is not refused.
import ctypes
import errno
import mmap

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
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
FAILED = ctypes.c_void_p(-1).value
why = set()
for flags in (0x22, 0x21, 0x32):
    address = libc.mmap(0x10000000 if flags & 0x10 else None, 4096, 7, flags, -1, 0)
    if address != FAILED:
        print("escaped: mmap of memory to write and execute", hex(flags))
    else:
        why.add("mmap: " + errno.errorcode[ctypes.get_errno()])
page = libc.mmap(None, 4096, mmap.PROT_READ | mmap.PROT_WRITE, 0x22, -1, 0)
for number in (None, 329):  # mprotect, pkey_mprotect
    protect = (
        libc.mprotect(page, 4096, 7)
        if number is None
        else libc.syscall(number, ctypes.c_void_p(page), 4096, 7, -1)
    )
    if protect == 0:
        print("escaped: mprotect to write and execute")
    else:
        why.add("mprotect: " + errno.errorcode[ctypes.get_errno()])
print("held:", ", ".join(sorted(why)))
