# class: ledger
# attack: look for a ledger, spool, or key under every folder that is visible
# success: a file with such a name, or with a private key's text, is found
# layers: mount-namespace
import os

wanted = (".seg", ".spool", ".key", "checkpoint", "kept-head")
looked = 0
for folder, folders, names in os.walk("/"):
    if folder.startswith("/proc"):
        folders.clear()
        continue
    if ".os2" in folders or "os2shell" in folders:
        print("escaped: found", folder, ".os2 or os2shell")
    for name in names:
        looked += 1
        if name.endswith(wanted):
            print("escaped: found", folder + "/" + name)
print(f"held: {looked > 0 and 'many' or 'no'} files are visible, none of a ledger")
