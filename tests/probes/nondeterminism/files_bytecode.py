"""Modules of the workspace, their caches and marshalled code."""

import importlib
import marshal
import py_compile
from pathlib import Path

Path("mine.py").write_text("VALUE = {'a', 'b', 'c'}\n\ndef f(x): return x in {'p', 'q', 'r'}\n")
import sys

sys.path.insert(0, "/w")
mine = importlib.import_module("mine")
print(mine.VALUE, mine.__file__, mine.__cached__, mine.__spec__)
print(marshal.dumps(compile(Path("mine.py").read_text(), "mine.py", "exec")).hex())
print(py_compile.compile("mine.py", cfile="mine.pyc"), Path("mine.pyc").read_bytes()[:16].hex())
