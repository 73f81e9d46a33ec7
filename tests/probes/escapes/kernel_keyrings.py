# class: kernel
# attack: the kernel's keyrings, which know no namespaces: add, search, read, link the user's keys
# success: any call is judged by the kernel
# layers: seccomp
import ctypes
import errno
import os

libc = ctypes.CDLL(None, use_errno=True)
ADD, REQUEST, CONTROL = {"x86_64": (248, 249, 250)}.get(os.uname().machine, (217, 218, 219))
why = set()
calls = (
    (ADD, b"user", b"os2", b"payload", 7, -3),
    (REQUEST, b"user", b"os2", None, -3),
    (CONTROL, 0, -3, 1, 0, 0),
    (CONTROL, 1, None, 0, 0, 0),
    (CONTROL, 11, -4, None, 0, 0),
    (CONTROL, 31, None, 0, 0, 0),
)
for words in calls:
    if libc.syscall(*words) >= 0:
        print("escaped: keyring call", words[:2])
    else:
        code = errno.errorcode.get(ctypes.get_errno(), "?")
        if code not in ("EPERM", "ENOSYS"):
            print("escaped: the kernel judged", words[:2], code)
        why.add(code)
print("held:", ", ".join(sorted(why)))
