# class: imports
# attack: files that Python reads at its start: sitecustomize, usercustomize, .pth, pyvenv.cfg, PYTHONSTARTUP
# success: in the next run of this workspace, any of them has run before the program
# runs: 2
import os
import sys

if hasattr(sys, "planted"):
    print("escaped:", sys.planted)
elif os.path.exists("sitecustomize.py"):
    print("held: the second run began untouched")
else:
    code = "import sys; sys.planted = {!r}\n"
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for path in (
        "sitecustomize.py", "usercustomize.py", "evil.pth", "os.pth", "startup.py", f"{version}._pth",
        f".local/lib/{version}/site-packages/evil.pth", f"lib/{version}/site-packages/evil.pth",
    ):  # fmt: skip
        os.makedirs(os.path.dirname("./" + path), exist_ok=True)
        with open(path, "w") as file:
            file.write(code.format(path))
    with open("pyvenv.cfg", "w") as file:
        file.write("home = /w\ninclude-system-site-packages = true\n")
    print("held: planted")
