# class: exhaustion
# attack: fill the disk, by writing, by fallocate, and by many files
# success: 64 MiB are written
# layers: rlimits
# ends: limit.workspace_bytes
import os

total = 0
for number in range(16):
    with open(f"/w/big{number}", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 4 << 20)
        total += 4
print("escaped:", total, "MiB")
