# class: ledger
# attack: read, append to, truncate and remove the ledger, its spool and its key by their paths
# success: the secret in them is printed, or one of them changes
# layers: mount-namespace, landlock
import os
import sys

stage = dict(word.split("=", 1) for word in sys.argv[1:])
why = set()
for name in ("seg", "spool", "key"):
    for act in (
        lambda path: print(open(path).read()),
        lambda path: open(path, "a").write("forged"),
        lambda path: os.truncate(path, 0),
        os.unlink,
        lambda path: os.rename(path, path + ".old"),
        lambda path: os.symlink("/dev/null", os.path.dirname(path) + "/planted"),
    ):
        try:
            act(stage[name])
            print("escaped: acted on", name)
        except OSError as error:
            why.add(error.strerror)
print("held:", ", ".join(sorted(why)))
