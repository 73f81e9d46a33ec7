# class: kernel
# attack: io_uring, whose rings do the work of forbidden calls
# success: a ring is set up
# layers: seccomp
import ctypes
import errno

libc = ctypes.CDLL(None, use_errno=True)
why = set()
room = ctypes.create_string_buffer(120)
for number, words in ((425, (4, room)), (426, (0, 1, 0, 0, None, 0)), (427, (0, 0, None, 0))):
    if libc.syscall(number, *words) >= 0:
        print("escaped: io_uring call", number)
    else:
        code = errno.errorcode[ctypes.get_errno()]
        if code not in ("EPERM", "ENOSYS"):
            print("escaped: the kernel judged call", number, code)
        why.add(code)
print("held:", ", ".join(sorted(why)))
