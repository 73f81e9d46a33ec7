# class: files
# attack: change the interpreter, its library or the recorder for the runs to come
# success: any file of the image is written, replaced, created or made writable
# layers: mount-namespace, landlock
import os
import sys

why = set()


def attempt(name, act):
    try:
        act()
        print("escaped:", name)
    except OSError as error:
        why.add(error.strerror)


files = [sys.executable, os.__file__, "/etc/passwd", "/os2/os2guest/boot.py"]
for path in files:
    attempt("write " + path, lambda: os.close(os.open(path, os.O_WRONLY)))
    attempt("append " + path, lambda: os.close(os.open(path, os.O_WRONLY | os.O_APPEND)))
    attempt("chmod " + path, lambda: os.chmod(path, 0o666))
    attempt("rename " + path, lambda: os.rename(path, path + ".old"))
    attempt("times " + path, lambda: os.utime(path))
for folder in {os.path.dirname(path) for path in files} | {"/", "/lib", "/usr", "/dev", "/proc"}:
    attempt(
        "create in " + folder, lambda: os.close(os.open(folder + "/new", os.O_CREAT | os.O_WRONLY))
    )
    attempt("mkdir in " + folder, lambda: os.mkdir(folder + "/newer"))
print("held:", ", ".join(sorted(why)))
