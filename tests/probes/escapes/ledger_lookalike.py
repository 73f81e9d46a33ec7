# class: ledger
# attack: leave a folder of the ledger's own name in the workspace, with a forged segment in it
# success: in a shell, the forged files are written back over the ledger of this workspace
# layers: mount-namespace
import os

for folder in (".os2/ledger/segments", ".os2/spool", ".os2/keys"):
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/forged", "w") as file:
        file.write("forged")
print("held: files with such names are only the guest's own, until a shell writes them back")
