# class: exhaustion
# attack: make files without end, stopped at 20,000
# success: 20,000 files exist
# ends: limit.files
import os

for number in range(20000):
    os.mknod(f"/w/{number}")
print("escaped: 20,000 files")
