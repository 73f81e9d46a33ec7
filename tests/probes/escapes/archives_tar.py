# class: archives
# attack: archives whose members have absolute names, climb with .., or go through a link of their own
# success: something outside changes
# layers: mount-namespace
import io
import sys
import tarfile
import warnings

warnings.simplefilter("ignore")
stage = dict(word.split("=", 1) for word in sys.argv[1:])
room = io.BytesIO()
with tarfile.open(fileobj=room, mode="w") as archive:

    def member(name, kind=tarfile.REGTYPE, target=""):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        if kind == tarfile.REGTYPE:
            info.size = 5
        archive.addfile(info, io.BytesIO(b"owned") if kind == tarfile.REGTYPE else None)

    member(stage["drop"] + "/absolute-member")
    member("../" * 30 + stage["drop"][1:] + "/climbing-member")
    member("link", tarfile.SYMTYPE, stage["drop"])
    member("link/through-link")
    member("hard", tarfile.LNKTYPE, stage["canary"])
options = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
why = set()
room.seek(0)
with tarfile.open(fileobj=room) as archive:
    for each in archive.getmembers():
        try:
            archive.extract(each, "/w", **options)
            why.add("extracted inside")
        except (OSError, KeyError) as error:
            why.add(getattr(error, "strerror", None) or "no such target")
print("held:", ", ".join(sorted(why)))
