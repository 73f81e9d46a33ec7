# class: files
# attack: reach other roots by /proc/PID/root, cwd, fd and map_files of every process that is seen
# success: a root, a working folder or a descriptor of the host is opened
# layers: pid-namespace, mount-namespace
import os
import sys

stage = dict(word.split("=", 1) for word in sys.argv[1:])
seen = 0
for pid in [name for name in os.listdir("/proc") if name.isdigit()] + ["self", "thread-self"]:
    seen += 1
    for link in ("root", "cwd"):
        try:
            print("escaped:", pid, open(f"/proc/{pid}/{link}{stage['canary']}").read())
        except OSError:
            pass
    for folder in ("fd", "map_files"):
        try:
            names = os.listdir(f"/proc/{pid}/{folder}")
        except OSError:
            continue
        for name in names:
            try:
                target = os.readlink(f"/proc/{pid}/{folder}/{name}")
            except OSError:
                continue
            if target.startswith(("/home", "/root", "/etc/shadow", "/var", stage["drop"])):
                print("escaped:", pid, folder, target)
print(f"held: {seen} processes are seen, none with another root")
