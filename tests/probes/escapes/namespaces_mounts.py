# class: namespaces
# attack: mount, bind, move and unmount, to uncover or to cover what the sandbox laid
# success: any of them succeeds
# layers: seccomp, capabilities-dropped
import ctypes
import errno

libc = ctypes.CDLL(None, use_errno=True)
why = set()


def tried(name, result):
    if result >= 0:
        print("escaped:", name)
    else:
        why.add(errno.errorcode[ctypes.get_errno()])


tried("tmpfs", libc.mount(b"none", b"/w", b"tmpfs", 0, None))
tried("bind", libc.mount(b"/", b"/w", None, 4096, None))
tried("remount", libc.mount(None, b"/", None, 32 | 4096, None))
tried("proc", libc.mount(b"proc", b"/w", b"proc", 0, None))
tried(
    "overlay", libc.mount(b"none", b"/w", b"overlay", 0, b"lowerdir=/py,upperdir=/tmp,workdir=/w")
)
tried("umount", libc.umount2(b"/proc", 2))
tried("umount w", libc.umount2(b"/w", 2))
tried("pivot_root", libc.syscall(155, b"/w", b"/w"))
tried("chroot", libc.chroot(b"/w"))
print("held:", ", ".join(sorted(why)))
