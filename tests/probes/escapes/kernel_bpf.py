# class: kernel
# attack: bpf, userfaultfd, perf_event_open: the calls that most kernel exploits begin with
# success: any call is judged by the kernel
# layers: seccomp
import ctypes
import errno
import os

libc = ctypes.CDLL(None, use_errno=True)
numbers = {"x86_64": (321, 323, 298)}.get(os.uname().machine, (280, 282, 241))
why = set()
room = ctypes.create_string_buffer(128)
for number, words in zip(numbers, ((0, room, 128), (0,), (room, 0, -1, -1, 0))):
    if libc.syscall(number, *words) >= 0:
        print("escaped: call", number)
    else:
        code = errno.errorcode[ctypes.get_errno()]
        if code not in ("EPERM", "ENOSYS"):
            print("escaped: the kernel judged call", number, code)
        why.add(code)
try:
    os.open("/dev/userfaultfd", os.O_RDWR)
    print("escaped: /dev/userfaultfd")
except OSError as error:
    why.add(errno.errorcode[error.errno])
print("held:", ", ".join(sorted(why)))
