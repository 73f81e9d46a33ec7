# class: files
# attack: read, write and list through symbolic links to the host, also by /proc's own
# success: the canary's secret is printed, or something outside changes
# layers: mount-namespace, landlock
import os
import sys

stage = dict(word.split("=", 1) for word in sys.argv[1:])
why = set()


def attempt(name, act):
    try:
        print("escaped:", name, act())
    except OSError as error:
        why.add(error.strerror)


os.symlink(stage["canary"], "direct")
os.symlink("/proc/self/root" + stage["canary"], "magic")
os.symlink(stage["drop"], "folder")
os.symlink("direct", "chain")
for name in ("direct", "magic", "chain"):
    attempt(name, lambda: open(name).read())
    attempt(name, lambda: open(name, "a").write("owned"))
    attempt(name, lambda: os.chmod(name, 0o4777))
attempt("folder", lambda: os.listdir("folder"))
attempt("inside", lambda: open("folder/through", "w").close())
attempt("truncate", lambda: os.truncate("direct", 0))
print("held:", ", ".join(sorted(why)))
