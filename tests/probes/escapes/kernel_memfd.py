# class: kernel
# attack: run a program that lies in memory only, and one that the guest wrote into /w or /tmp
# success: the program runs
# layers: seccomp, landlock
import ctypes
import errno
import os
import stat
import sys

libc = ctypes.CDLL(None, use_errno=True)
why = set()
text = open(os.path.realpath(sys.executable), "rb").read()
memory = libc.memfd_create(b"program", 0)
if memory < 0:
    why.add("memfd: " + errno.errorcode[ctypes.get_errno()])
places = [f"/proc/self/fd/{memory}"] if memory >= 0 else []
if memory >= 0:
    try:
        os.write(memory, text[: 1 << 20])
    except OSError as error:
        why.add("write: " + errno.errorcode[error.errno])
for folder in ("/w", "/tmp", "/dev/shm"):
    for content in (b"#!" + os.path.realpath(sys.executable).encode() + b"\n", text[: 8 << 20]):
        path = f"{folder}/program{len(content)}"
        try:
            with open(path, "wb") as file:
                file.write(content)
            os.chmod(path, stat.S_IRWXU)
            places.append(path)
        except OSError as error:
            why.add("write: " + errno.errorcode[error.errno])
for path in places:
    child = os.fork()
    if child == 0:
        try:
            os.execve(path, [path, "-c", "pass"], {})
        except OSError as error:
            os._exit(100 + error.errno)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code in (100 + errno.EACCES, 100 + errno.EPERM, 100 + errno.ENOENT):
        why.add("exec: " + errno.errorcode[code - 100])
    else:
        print("escaped: ran", path, code)
print("held:", ", ".join(sorted(why)))
