# class: files
# attack: leave what gives power outside: set-user-id programs, capabilities, attributes, device files, another owner
# success: any of these is set
# layers: seccomp, capabilities-dropped
import ctypes
import os
import stat

why, set_ = set(), []
libc = ctypes.CDLL(None, use_errno=True)
open("program", "w").close()
for path, name, value in (
    (b"program", b"security.capability", b"\1\0\0\2\xff\xff\xff\xff" + bytes(12)),
    (b"program", b"user.mark", b"x"),
    (b"program", b"trusted.mark", b"x"),
    (b"program", b"system.posix_acl_access", b"\2\0\0\0"),
):
    for call in (libc.setxattr, libc.lsetxattr):
        if call(path, name, value, len(value), 0) == 0:
            set_.append(name)
        why.add(os.strerror(ctypes.get_errno()))
for kind in (stat.S_IFCHR, stat.S_IFBLK):
    try:
        os.mknod("device", kind | 0o666, os.makedev(1, 3))
        set_.append("device")
    except OSError as error:
        why.add(error.strerror)
for owner in (0, 65534):
    try:
        os.chown("program", owner, owner)
        set_.append("owner")
    except OSError as error:
        why.add(error.strerror)
print("escaped:" if set_ else "held:", *set_, *sorted(why))
