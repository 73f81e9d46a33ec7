"""Times of files: written, set, copied, of folders, links and devices."""

import os
import shutil
import time
from pathlib import Path

Path("one").write_text("1")
os.mkdir("folder")
os.symlink("one", "link")
os.utime("folder", (1, 2))
shutil.copy2("one", "two")
with open("three", "w") as file:
    print(os.fstat(file.fileno()))
for name in ("one", "two", "three", "folder", "link", ".", "/tmp", "/dev/null", "/proc", "/py"):
    print(name, os.lstat(name))
print(time.time() >= os.stat("one").st_mtime, os.path.getmtime("one"), os.path.getctime("two"))
