"""Files and folders: made, listed as they come, renamed, measured, removed."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

root = Path("made")
for number in range(30):
    path = root / f"part{number % 4}" / f"file{number * 37 % 30:02}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{number}\n" * number)
for folder, folders, names in os.walk(root):
    print(folder, folders, names)
os.rename(root / "part0", root / "moved")
(root / "link").symlink_to("moved")
whole = hashlib.sha256()
for path in root.rglob("*.txt"):
    whole.update(path.read_bytes())
    state = path.stat()
    print(path.name, state.st_size, state.st_ino > 0, int(state.st_mtime), end="; ")
print()
print(whole.hexdigest())
with tempfile.NamedTemporaryFile(dir=".") as scratch:
    print(Path(scratch.name).name)
shutil.rmtree(root / "part3")
print(sorted(path.as_posix() for path in root.iterdir()))
