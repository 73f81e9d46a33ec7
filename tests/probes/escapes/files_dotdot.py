# class: files
# attack: climb out of the workspace with more .. than there are folders, by open, chdir and openat
# success: the canary's secret is printed, or a file appears in the host's folder
# layers: mount-namespace, landlock
import os
import sys

stage = dict(word.split("=", 1) for word in sys.argv[1:])
up = "../" * 40
why = set()


def attempt(name, act):
    try:
        print("escaped:", name, act())
    except OSError as error:
        why.add(error.strerror)


def deeper():
    os.makedirs("a/b/c", exist_ok=True)
    os.chdir("a/b/c")
    os.rename("/w/a/b/c", "/w/moved")  # the folder that we stand in goes elsewhere
    return open(up + stage["canary"][1:]).read()


here = os.open(".", os.O_RDONLY)
attempt("open", lambda: open(up + stage["canary"][1:]).read())
attempt("drop", lambda: open("/w/" + up + stage["drop"][1:] + "/dots", "w").close())
attempt("openat", lambda: os.read(os.open(up + stage["canary"][1:], os.O_RDONLY, dir_fd=here), 99))
attempt("rename", deeper)
print("held:", ", ".join(sorted(why)))
