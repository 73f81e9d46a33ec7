"""The order of folders, by every way to list them."""

import glob
import os
import pathlib
import shutil
import zipfile

for number in (7, 3, 9, 1, 5, 2, 8):
    pathlib.Path(f"f{number}").write_text("x" * number)
    os.makedirs(f"d{number}/inner{number}")
print(os.listdir("."), glob.glob("*"), [entry.name for entry in os.scandir(".")])
print(list(os.walk(".")), [str(path) for path in pathlib.Path().rglob("*")])
descriptor = os.open(".", os.O_RDONLY)
print(os.listdir(descriptor), list(os.fwalk("d1")))
print(shutil.make_archive("all", "zip", "d3"), zipfile.ZipFile("all.zip").namelist())
print([(entry.name, entry.inode(), entry.stat()) for entry in os.scandir(".")])
