"""The filter of system calls: an allowlist, compiled by libseccomp, loaded by bubblewrap.

Rules: what is not named here does not exist for the guest (ENOSYS, so that a C library falls back);
what is dangerous and known is forbidden (EPERM); another ABI than the machine's own kills. A rule
on an argument names what is allowed: a value with other high bits matches nothing, and is refused.
``program`` is a function of the machine's architecture and of libseccomp, computed once. An image
with a net below Python may lay one more filter over this one, which can only narrow it, and have
the time stamp counter trap. That the kernel really took the filter is left to ``layers``.

libseccomp is called through its C interface: its two Python bindings are one without a release
since 2021 and one that must be compiled.
"""

import ctypes
import errno
import os
from functools import cache

from os2shell.executors.sandbox.errors import SandboxUnavailable

NO_LIBSECCOMP = "install it: apt install libseccomp2"
_LIBRARY = "libseccomp.so.2"

_KILL_PROCESS = 0x80000000
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_BAD_ARCHITECTURE, _OPTIMIZE = 2, 8
_BINARY_TREE = 2
_OTHER, _LESS, _EQUAL, _GREATER, _MASKED = 1, 2, 4, 6, 7
"""Numbers of libseccomp's interface (seccomp.h): actions, attributes, comparisons."""

_FILES = """
access faccessat faccessat2 chdir fchdir chmod fchmod fchmodat fchmodat2 chown fchown fchownat
lchown close close_range copy_file_range creat dup dup2 dup3 fadvise64 fallocate fdatasync
flock fsync ftruncate truncate getcwd getdents getdents64 link linkat lseek mkdir mkdirat mknod
mknodat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead
readlink readlinkat readv rename renameat renameat2 rmdir sendfile splice tee stat fstat lstat
newfstatat statx statfs fstatfs symlink symlinkat sync_file_range umask unlink unlinkat utime
utimes utimensat futimesat write writev getxattr lgetxattr fgetxattr listxattr llistxattr
flistxattr pipe pipe2
"""
_WAITING = """
epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait
epoll_pwait2 poll ppoll select pselect6 eventfd eventfd2 signalfd signalfd4 timerfd_create
timerfd_settime timerfd_gettime futex futex_waitv futex_wake futex_wait futex_requeue
set_robust_list get_robust_list nanosleep clock_nanosleep pause alarm getitimer setitimer
timer_create timer_settime timer_gettime timer_getoverrun timer_delete
"""
_MEMORY = """
brk munmap mremap madvise msync mlock mlock2 munlock mlockall munlockall membarrier
get_mempolicy
"""
_PROCESSES = """
execve exit exit_group fork vfork wait4 waitid kill tkill tgkill pidfd_open pidfd_send_signal
getpid getppid gettid getpgid getpgrp setpgid getsid setsid set_tid_address rseq arch_prctl
rt_sigaction rt_sigprocmask rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo
rt_sigreturn rt_sigsuspend sigaltstack restart_syscall getuid geteuid getgid getegid getresuid
getresgid getgroups capget getrlimit getrusage getpriority setpriority times
sysinfo uname getcpu sched_yield sched_getaffinity sched_setaffinity sched_getparam
sched_getscheduler sched_getattr sched_get_priority_max sched_get_priority_min
sched_rr_get_interval time gettimeofday clock_gettime clock_getres getrandom
landlock_create_ruleset landlock_add_rule landlock_restrict_self
"""
_SOCKETS = """
bind listen accept accept4 connect getsockname getpeername getsockopt setsockopt shutdown
recvfrom recvmsg recvmmsg sendto sendmsg sendmmsg
"""
ALLOWED = tuple(f"{_FILES}{_WAITING}{_MEMORY}{_PROCESSES}{_SOCKETS}".split())
"""Allowed with any argument."""

_DANGEROUS = """
io_uring_setup io_uring_enter io_uring_register io_setup bpf userfaultfd perf_event_open keyctl
add_key request_key ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd
mount umount umount2 move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr
pivot_root chroot unshare setns open_by_handle_at name_to_handle_at fanotify_init fanotify_mark
modify_ldt iopl ioperm kexec_load kexec_file_load init_module finit_module delete_module
quotactl quotactl_fd swapon swapoff reboot settimeofday clock_settime adjtimex clock_adjtime
stime sethostname setdomainname acct syslog vhangup lookup_dcookie nfsservctl setuid
setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capset shmget shmat
shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open mq_unlink
mq_timedsend mq_timedreceive mq_notify mq_getsetattr mbind set_mempolicy migrate_pages
move_pages sched_setscheduler sched_setparam sched_setattr ioprio_set vmsplice pkey_mprotect
remap_file_pages memfd_secret
"""
FORBIDDEN = tuple(_DANGEROUS.split())
"""Refused with EPERM: known, and no program of ours needs them."""

UNSUPPORTED_ATTRIBUTES = ("setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr")
"""Refused with ENOTSUP, which every copying program expects of a file system."""

_NAMESPACE_FLAGS = 0x7E020000
"""CLONE_NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, NEWNS."""
_UNIX, _INET, _INET6 = 1, 2, 10
_PROT_WRITE, _PROT_EXEC = 2, 4
_MFD_NOEXEC_SEAL = 8
_IOCTLS = {
    "TCGETS": 0x5401,
    "TCSETS": 0x5402,
    "TCSETSW": 0x5403,
    "TCSETSF": 0x5404,
    "TCGETS2": 0x802C542A,
    "TCSBRK": 0x5409,
    "TCFLSH": 0x540B,
    "TIOCGPGRP": 0x540F,
    "TIOCSPGRP": 0x5410,
    "TIOCGWINSZ": 0x5413,
    "TIOCGSID": 0x5429,
    "FIONREAD": 0x541B,
    "FIONBIO": 0x5421,
    "FIONCLEX": 0x5450,
    "FIOCLEX": 0x5451,
    "FIOASYNC": 0x5452,
}
"""What a program may ask of a terminal, a pipe or a file; TIOCSTI and TIOCLINUX are not here."""
_FCNTLS = {
    "F_DUPFD": 0,
    "F_GETFD": 1,
    "F_SETFD": 2,
    "F_GETFL": 3,
    "F_SETFL": 4,
    "F_GETLK": 5,
    "F_SETLK": 6,
    "F_SETLKW": 7,
    "F_SETOWN": 8,
    "F_GETOWN": 9,
    "F_SETSIG": 10,
    "F_GETSIG": 11,
    "F_SETOWN_EX": 15,
    "F_GETOWN_EX": 16,
    "F_OFD_GETLK": 36,
    "F_OFD_SETLK": 37,
    "F_OFD_SETLKW": 38,
    "F_DUPFD_CLOEXEC": 1030,
    "F_SETPIPE_SZ": 1031,
    "F_GETPIPE_SZ": 1032,
    "F_ADD_SEALS": 1033,
    "F_GET_SEALS": 1034,
}
"""No leases, no F_NOTIFY, nor inotify: the image's files are other runs' too."""
_RLIMITS = frozenset(range(16))
_RLIMIT_CORE = 4
_PRCTLS = {
    "SET_PDEATHSIG": 1,
    "GET_PDEATHSIG": 2,
    "GET_DUMPABLE": 3,
    "SET_NAME": 15,
    "GET_NAME": 16,
    "GET_SECCOMP": 21,
    "CAPBSET_READ": 23,
    "GET_TIMERSLACK": 30,
    "SET_CHILD_SUBREAPER": 36,
    "SET_NO_NEW_PRIVS": 38,
    "GET_NO_NEW_PRIVS": 39,
    "SET_VMA": 0x53564D41,
}
_ASK_PERSONALITY = 0xFFFFFFFF
_SET_MODE_FILTER = 1
_SET_TSC = 26
_TSC_STATES = (1, 2)
"""PR_TSC_ENABLE, and PR_TSC_SIGSEGV: the time stamp counter is read, or traps."""


class _Comparison(ctypes.Structure):
    """``struct scmp_arg_cmp``: which argument, how, and with what."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("datum", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


class _Rules:
    """One filter being built; freed by ``release``."""

    def __init__(self) -> None:
        self._library = _load()
        default = _ERRNO | errno.ENOSYS
        address = self._library.seccomp_init(ctypes.c_uint32(default))
        if not address:
            raise _broken("seccomp_init")
        self._context = ctypes.c_void_p(address)
        self._set(_BAD_ARCHITECTURE, _KILL_PROCESS)
        self._set(_OPTIMIZE, _BINARY_TREE)

    def _set(self, attribute: int, value: int) -> None:
        result = self._library.seccomp_attr_set(self._context, attribute, ctypes.c_uint32(value))
        if result != 0:
            raise _broken(f"seccomp_attr_set({attribute})")

    def allow(self, name: str, *comparisons: tuple[int, int, int, int]) -> None:
        """Allow ``name`` where the comparisons hold; each (argument, operator, datum, datum_b)."""
        self._add(_ALLOW, name, comparisons)

    def refuse(self, name: str, code: int, *comparisons: tuple[int, int, int, int]) -> None:
        """Refuse ``name`` with the error ``code`` where the comparisons hold."""
        self._add(_ERRNO | code, name, comparisons)

    def _add(
        self, action: int, name: str, comparisons: tuple[tuple[int, int, int, int], ...]
    ) -> None:
        number = self._library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            return  # not of this architecture, or younger than the library: refused by default
        rows = (_Comparison * len(comparisons))(*(_Comparison(*row) for row in comparisons))
        result = self._library.seccomp_rule_add_array(
            self._context, ctypes.c_uint32(action), number, len(comparisons), rows
        )
        if result != 0:
            raise _broken(f"a rule for {name} ({os.strerror(-result)})")

    def compiled(self) -> bytes:
        """The filter, as an array of ``struct sock_filter``."""
        file = os.memfd_create("os2-filter", os.MFD_CLOEXEC)
        try:
            if self._library.seccomp_export_bpf(self._context, file) != 0:
                raise _broken("seccomp_export_bpf")
            return os.pread(file, os.fstat(file).st_size, 0)
        finally:
            os.close(file)

    def release(self) -> None:
        """Give the library's memory back."""
        self._library.seccomp_release(self._context)


@cache
def program(*, with_net: bool = True) -> bytes:
    """The compiled filter; ``with_net`` of an image that has a net below Python.

    Raises ``SandboxUnavailable`` without a working libseccomp.
    """
    rules = _Rules()
    try:
        for name in ALLOWED:
            rules.allow(name)
        for name in FORBIDDEN:
            rules.refuse(name, errno.EPERM)
        for name in UNSUPPORTED_ATTRIBUTES:
            rules.refuse(name, errno.ENOTSUP)
        _conditional(rules)
        _one_more_filter(rules, allowed=with_net)
        return rules.compiled()
    finally:
        rules.release()


def _conditional(rules: _Rules) -> None:
    """The calls whose arguments decide."""
    # clone3 hides its flags behind a pointer: it is not in the list, so C libraries use clone.
    rules.allow("clone", (0, _MASKED, _NAMESPACE_FLAGS, 0))
    for operator in (_LESS, _GREATER):
        rules.refuse("personality", errno.EPERM, (0, operator, _ASK_PERSONALITY, 0))
    rules.allow("personality", (0, _EQUAL, _ASK_PERSONALITY, 0))
    rules.allow("memfd_create", (1, _MASKED, _MFD_NOEXEC_SEAL, _MFD_NOEXEC_SEAL))
    both = _PROT_WRITE | _PROT_EXEC
    for name in ("mmap", "mprotect"):
        rules.allow(name, (2, _MASKED, _PROT_EXEC, 0))
        rules.allow(name, (2, _MASKED, both, _PROT_EXEC))
        rules.refuse(name, errno.EPERM, (2, _MASKED, both, both))
    for name in ("socket", "socketpair"):
        rules.allow(name, (0, _EQUAL, _UNIX, 0))
        for family in (0, *range(_INET, _INET6 + 1)):
            # What a program without a route would hear: there is no network in a sandbox.
            code = errno.ENETUNREACH if family in (_INET, _INET6) else errno.EAFNOSUPPORT
            rules.refuse(name, code, (0, _EQUAL, family, 0))
        rules.refuse(name, errno.EAFNOSUPPORT, (0, _GREATER, _INET6, 0))
    for number in _IOCTLS.values():
        rules.allow("ioctl", (1, _EQUAL, number, 0))
    for number in _PRCTLS.values():
        rules.allow("prctl", (0, _EQUAL, number, 0))
    for number in _FCNTLS.values():
        rules.allow("fcntl", (1, _EQUAL, number, 0))
    _limits_but_cores(rules)


def _limits_but_cores(rules: _Rules) -> None:
    """The limit of core files stays: at 0 the kernel starts the machine's core handler, as root.

    Who sets it hears that it was done: no core is written either way.
    """
    for number in _RLIMITS - {_RLIMIT_CORE}:
        rules.allow("setrlimit", (0, _EQUAL, number, 0))
        rules.allow("prlimit64", (1, _EQUAL, number, 0))
    rules.allow("prlimit64", (1, _EQUAL, _RLIMIT_CORE, 0), (2, _EQUAL, 0, 0))
    rules.refuse("prlimit64", 0, (1, _EQUAL, _RLIMIT_CORE, 0), (2, _GREATER, 0, 0))
    rules.refuse("setrlimit", 0, (0, _EQUAL, _RLIMIT_CORE, 0))


def _one_more_filter(rules: _Rules, *, allowed: bool) -> None:
    """What the net needs, and no word of seccomp(2) beside: no flag, so no listener either."""
    if not allowed:
        rules.refuse("seccomp", errno.EPERM)
        return
    rules.allow("seccomp", (0, _EQUAL, _SET_MODE_FILTER, 0), (1, _EQUAL, 0, 0))
    rules.refuse("seccomp", errno.EPERM, (0, _OTHER, _SET_MODE_FILTER, 0))
    rules.refuse("seccomp", errno.EPERM, (0, _EQUAL, _SET_MODE_FILTER, 0), (1, _OTHER, 0, 0))
    for state in _TSC_STATES:
        rules.allow("prctl", (0, _EQUAL, _SET_TSC, 0), (1, _EQUAL, state, 0))


def present() -> bool:
    """Whether this machine has libseccomp; without it a run lacks the layer."""
    try:
        _load()
    except SandboxUnavailable:
        return False
    return True


@cache
def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        raise SandboxUnavailable(
            f"no {_LIBRARY} on this machine", expected="libseccomp 2.5", remedy=NO_LIBSECCOMP
        ) from None
    library.seccomp_init.restype = ctypes.c_void_p
    return library


def _broken(what: str) -> SandboxUnavailable:
    return SandboxUnavailable(
        f"libseccomp refuses {what}", expected="libseccomp 2.5 or newer", remedy=NO_LIBSECCOMP
    )
