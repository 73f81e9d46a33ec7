# class: kernel
# attack: take the filter of calls off, lay one of our own over it, listen to it, have time stamps back
# success: seccomp(2) accepts anything, or the mode reads as none
# layers: seccomp, native-traps, no-new-privileges
import ctypes
import errno
import struct

libc = ctypes.CDLL(None, use_errno=True)
why = set()
code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFF0000))
program = struct.pack("HxxxxxxQ", 1, ctypes.addressof(code))
for operation, flags, words in (
    (0, 0, None),
    (1, 0, program),
    (1, 8, program),
    (1, 1, program),
    (2, 0, b"\0\0\0\0"),
):
    if libc.syscall(317, operation, flags, words) >= 0:
        print("escaped: seccomp accepts operation", operation, flags)
    else:
        why.add(errno.errorcode[ctypes.get_errno()])
for words in ((22, 0), (22, 2, program), (38, 0), (33, 0), (26, 1), (26, 2)):
    if libc.prctl(*words, *(0,) * (5 - len(words))) == 0:
        print("escaped: prctl", words)
    else:
        why.add(errno.errorcode[ctypes.get_errno()])
status = dict(line.split(":\t", 1) for line in open("/proc/self/status") if ":\t" in line)
if status["Seccomp"].strip() != "2":
    print("escaped: no filter holds")
print("held:", ", ".join(sorted(why)))
