# class: files
# attack: write anywhere but where a program may: every folder of every file system, shared memory, devices, pseudo files
# success: a file is made outside /w and /tmp
# layers: mount-namespace, landlock
import os
import stat

made, count = [], 0
for folder, names, files in os.walk("/"):
    if folder.startswith(("/w", "/tmp", "/proc/")) and not folder.startswith("/proc/sys"):
        names[:] = []
        continue
    count += 1
    path = os.path.join(folder, ".made")
    for way in (
        lambda: os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)),
        lambda: os.mkdir(path),
        lambda: os.symlink("/", path),
        lambda: os.mkfifo(path),
        lambda: os.close(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)),
    ):
        try:
            way()
            made.append(path)
        except OSError:
            pass
    for name in [] if folder == "/dev" else files[:20]:
        try:
            mode = os.lstat(os.path.join(folder, name)).st_mode
            if stat.S_ISREG(mode):
                os.close(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_APPEND))
                made.append(name)
        except OSError:
            pass
print("escaped: wrote" if made else f"held: {count > 50 and 'many' or count} folders", *made[:9])
