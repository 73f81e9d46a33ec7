# class: imports
# attack: bytecode beside a module that says something else than its source, unchecked by time or digest
# success: the next run of this workspace runs the bytecode instead of the source
# runs: 2
import importlib.util
import marshal
import os
import struct
import sys

with open("honest.py", "w") as file:
    file.write("said = 'source'\n")
tag = sys.implementation.cache_tag
if not os.path.exists("__pycache__/planted"):
    os.makedirs("__pycache__", exist_ok=True)
    code = marshal.dumps(compile("said = 'bytecode'", "/w/honest.py", "exec"))
    facts = os.stat("honest.py")
    stamped = struct.pack("<III", 0, int(facts.st_mtime), facts.st_size)
    for path, head in (
        (f"__pycache__/honest.{tag}.pyc", struct.pack("<IQ", 1, 0)),  # by digest, never checked
        (f"__pycache__/honest.{tag}.opt-1.pyc", stamped),
        ("other.pyc", struct.pack("<IQ", 1, 0)),
    ):
        with open(path, "wb") as file:
            file.write(importlib.util.MAGIC_NUMBER + head + code)
    open("__pycache__/planted", "w").close()
sys.path.insert(0, "/w")
import honest  # noqa: E402

print("escaped: the bytecode ran" if honest.said != "source" else "held: the source ran")
