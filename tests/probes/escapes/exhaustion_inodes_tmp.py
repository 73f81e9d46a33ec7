# class: exhaustion
# attack: the same in /tmp, beside the workspace that is counted
# success: 60,000 files exist there
# ends: limit.files, limit.memory, limit.cpu
import os

for number in range(60000):
    os.mknod(f"/tmp/{number}")
print("escaped: 60,000 files in /tmp")
