"""Free space, blocks, inodes, devices, sparse files."""

import os
import shutil
from pathlib import Path

print(shutil.disk_usage("."), shutil.disk_usage("/"), shutil.disk_usage("/tmp"))
print(os.statvfs("."), os.statvfs("/py"), os.statvfs("/tmp"), os.statvfs("/proc"))
Path("data").write_bytes(b"x" * 100_000)
with open("sparse", "wb") as file:
    file.truncate(10_000_000)
for name in ("data", "sparse", ".", "/py/bin/python3"):
    found = os.stat(name)
    print(name, found.st_ino, found.st_dev, found.st_blocks, found.st_blksize, found.st_nlink)
print(os.statvfs("."))
with open("data") as file:
    print(os.fstatvfs(file.fileno()))
