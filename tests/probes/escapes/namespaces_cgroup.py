# class: namespaces
# attack: leave the control group or have its release agent run, by whatever of it is visible
# success: a file of a control group can be written
# layers: mount-namespace, cgroup-namespace, landlock
import os

why = set()
places = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/proc/self/cgroup", "/proc/1/cgroup", "/sys"]
for path in places:
    for name in (
        "",
        "/cgroup.procs",
        "/release_agent",
        "/notify_on_release",
        "/pids/tasks",
        "/memory/memory.limit_in_bytes",
    ):
        try:
            os.close(os.open(path + name, os.O_WRONLY))
            print("escaped: may write", path + name)
        except OSError as error:
            why.add(error.strerror)
try:
    os.mkdir("/sys/fs/cgroup/mine")
    print("escaped: a group of our own")
except OSError as error:
    why.add(error.strerror)
print("held:", ", ".join(sorted(why)))
