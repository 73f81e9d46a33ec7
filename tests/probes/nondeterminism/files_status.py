"""A C extension that asks for files' times and numbers, by names and by instruction: as Python is told."""
# extension: status
# machine: x86_64

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import status

SPAN = "import os, status; print(status.plain('/w/made')[6], os.stat('/w/made'))"


def pythons(path):
    found = os.stat(path)
    names = "mode ino dev nlink uid gid size blocks blksize rdev atime_ns mtime_ns ctime_ns"
    return tuple(getattr(found, f"st_{name}") for name in names.split())


def told(path):
    rows = status.plain(path)
    print(path, rows[0])
    assert [row for row in rows if row != pythons(path)] == [], (pythons(path), rows)
    print(status.more(path))
    print(status.space(path), tuple(os.statvfs(path)))


Path("made").write_text("a file\n" * 1000)
Path("set").write_text("another\n")
os.utime("set", (1_000_000_000, 1_000_000_001))
Path("now").touch()
os.utime("now", None)
Path("folder").mkdir()
for name in (
    "made",
    "set",
    "now",
    "folder",
    "/tmp",
    "/w",
    "/",
    os.__file__,
    "/proc",
    "/dev/null",
    "/usr",
    "/lib",
):
    told(name)
libc = ctypes.CDLL("libc.so.6", use_errno=True)
room = ctypes.create_string_buffer(144)
print(libc.stat(b"/w/made", room), room.raw.hex())
print(libc.stat(b"/w/absent", room), ctypes.get_errno())
print(sorted(status.walk("/w")))
done = subprocess.run([sys.executable, "-c", SPAN], capture_output=True, text=True)
print(done.stdout, done.stderr)
if not os.fork():
    told("/w/made")
    told(sys.executable)
    os._exit(0)
os.wait()
with open("made") as file:
    print(
        os.fstat(file.fileno()).st_ino == os.stat("made").st_ino,
        os.path.samefile("made", "/w/made"),
    )
shutil.copytree("folder", "copied")
print(os.stat("copied"))
