# class: kernel
# attack: a crash starts the machine's own handler of cores, as root, outside: ask for cores, then for none
# success: the limit of core files is another than the one number that starts no handler
# layers: seccomp, rlimits
import ctypes
import resource

libc = ctypes.CDLL(None)
pair = ctypes.c_ulong * 2
wanted = ((0, 0), (resource.RLIM_INFINITY, resource.RLIM_INFINITY), (4096, 4096))
for soft, hard in wanted:
    for way in (
        lambda room: resource.setrlimit(resource.RLIMIT_CORE, (soft, hard)),
        lambda room: libc.setrlimit(resource.RLIMIT_CORE, room),
        lambda room: libc.syscall(302, 0, resource.RLIMIT_CORE, room, None),
        lambda room: libc.syscall(302, 0, ctypes.c_long(0x100000004), room, None),
        lambda room: libc.syscall(160, ctypes.c_long(0x100000004), room),
    ):
        try:
            way(pair(soft & (2**64 - 1), hard & (2**64 - 1)))
        except (OSError, ValueError):
            pass
found = resource.getrlimit(resource.RLIMIT_CORE)
hard = found[1]
if found[0] == 1 or hard == 0:
    print("held: the limit of core files stays at", found[0])
else:
    print("escaped: the limit of core files is", found)
