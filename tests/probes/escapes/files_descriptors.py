# class: files
# attack: climb from every descriptor that was inherited or that /proc shows, with openat and fchdir
# success: any of them is a folder of the host, or leads to the canary
# layers: mount-namespace, landlock
import os
import stat
import sys

stage = dict(word.split("=", 1) for word in sys.argv[1:])
kinds = []
for name in sorted(os.listdir("/proc/self/fd"), key=int):
    number = int(name)
    try:
        facts = os.fstat(number)
    except OSError:
        continue  # the descriptor of the listing itself
    kinds.append(stat.filemode(facts.st_mode)[0])
    if stat.S_ISDIR(facts.st_mode):
        print("escaped: inherited the folder", os.readlink(f"/proc/self/fd/{name}"))
    for path in ("../../../../../.." + stage["canary"], "."):
        try:
            below = os.open(path, os.O_RDONLY, dir_fd=number)
        except OSError:
            continue
        print("escaped: openat from descriptor", number, os.listdir(below))
print("held: inherited are only", "".join(kinds), "of which none is a folder")
