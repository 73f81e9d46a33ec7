# class: kernel
# attack: what only an administrator does: modules, kexec, clock, names, swap, quotas, log, ports
# success: any call is judged by the kernel (its arguments are harmless nonsense)
# layers: seccomp, capabilities-dropped
import ctypes
import errno

libc = ctypes.CDLL(None, use_errno=True)
why = set()
calls = {
    "sethostname": lambda: libc.sethostname(b"owned", 5),
    "setdomainname": lambda: libc.setdomainname(b"owned", 5),
    "reboot": lambda: libc.syscall(169, 1, 2, 3, None),
    "init_module": lambda: libc.syscall(175, b"", 0, b""),
    "finit_module": lambda: libc.syscall(313, -1, b"", 0),
    "delete_module": lambda: libc.syscall(176, b"no-such-module", 0),
    "kexec_load": lambda: libc.syscall(246, 0, 99, None, 99),
    "swapon": lambda: libc.swapon(b"/w", 0),
    "acct": lambda: libc.acct(b"/w/acct"),
    "settimeofday": lambda: libc.syscall(164, b"\xff" * 16, None),
    "syslog": lambda: libc.klogctl(3, ctypes.create_string_buffer(64), 64),
    "quotactl": lambda: libc.syscall(179, 0x800001, b"/", 0, None),
    "iopl": lambda: libc.syscall(172, 3),
    "modify_ldt": lambda: libc.syscall(154, 0, None, 0),
    "personality": lambda: libc.personality(0x0400000),
}
for name, call in calls.items():
    if call() >= 0:
        print("escaped:", name)
    else:
        why.add(errno.errorcode[ctypes.get_errno()])
if why - {"EPERM", "ENOSYS"}:
    print("escaped: the kernel judged a call:", why)
print("held:", ", ".join(sorted(why)))
