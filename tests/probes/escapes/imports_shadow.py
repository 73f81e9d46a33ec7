# class: imports
# attack: modules of the standard library's names in the workspace, for the recorder itself to import
# success: in the next run of this workspace, one of them is loaded before the program asks for it
# runs: 2
import os
import sys

names = ("_ctypes", "_socket", "_signal", "resource", "random", "os", "io", "encodings", "site", "codecs", "abc", "os2guest",
    "runpy", "threading", "_sitebuiltins", "traceback", "datetime", "_thread", "RestrictedPython")  # fmt: skip
if os.path.exists("_ctypes.py"):
    loaded = [
        name
        for name in names
        if str(getattr(sys.modules.get(name), "__file__", "")).startswith("/w")
    ]
    print("escaped:" if hasattr(sys, "shadowed") or loaded else "held: none was loaded", *loaded)
else:
    for name in names:
        with open(name + ".py", "w") as file:
            file.write("import sys\nsys.shadowed = __name__\n")
    print("held: planted")
