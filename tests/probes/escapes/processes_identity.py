# class: processes
# attack: become root: set ids and groups, take capabilities, run programs with the setuid bit
# success: an id changes, a capability appears, or no_new_privs can be taken off
# layers: capabilities-dropped, no-new-privileges, seccomp, not-root
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
why = set()
before = os.getresuid(), os.getresgid()
for name, words in (
    ("setuid", (0,)), ("setgid", (0,)), ("seteuid", (0,)), ("setresuid", (0, 0, 0)), ("setgroups", ([0],)),
    ("setregid", (0, 0)),
):  # fmt: skip
    try:
        getattr(os, name)(*words)
        print("escaped:", name)
    except OSError as error:
        why.add(error.strerror)
if libc.prctl(38, 0, 0, 0, 0) == 0 or libc.prctl(39, 0, 0, 0, 0) == 0:
    print("escaped: no_new_privs is off")
for number in range(41):
    if libc.prctl(47, 2, number, 0, 0) == 0:  # PR_CAP_AMBIENT_RAISE
        print("escaped: ambient capability", number)
status = dict(line.split(":\t", 1) for line in open("/proc/self/status") if ":\t" in line)
if int(status["CapEff"], 16) or int(status["CapPrm"], 16):
    print("escaped: capabilities", status["CapEff"])
open("suid", "w").close()
os.chmod("suid", 0o6755)
if (os.getresuid(), os.getresgid()) != before:
    print("escaped: ids changed")
print("held:", ", ".join(sorted(why)))
