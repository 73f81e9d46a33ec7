# class: files
# attack: read and write paths of the host by their absolute names
# success: the canary's secret is printed, or a file appears in the host's folder
# layers: mount-namespace, landlock
import sys

stage = dict(word.split("=", 1) for word in sys.argv[1:])
why = set()
for path in (stage["canary"], stage["key"], "/etc/shadow", "/root/.ssh/id_rsa", "/proc/1/environ"):
    try:
        with open(path, "rb") as file:
            print("escaped:", path, file.read(200))
    except OSError as error:
        why.add(error.strerror)
for path in (stage["canary"], stage["drop"] + "/absolute"):
    try:
        with open(path, "w") as file:
            file.write("owned")
        print("escaped: wrote", path)
    except OSError as error:
        why.add(error.strerror)
print("held:", ", ".join(sorted(why)))
