# class: exhaustion
# attack: take memory in eight processes, each below the limit of one
# success: 8 × 100 MiB are had at once
# layers: cgroup-memory
# ends: limit.memory
import os

told_read, told = os.pipe()
wait_read, wait = os.pipe()
for _ in range(8):
    if os.fork() == 0:
        os.close(wait)
        kept = [b"x" * (1 << 20) for _ in range(100)]
        os.write(told, b"1")
        os.read(wait_read, 1)
        os._exit(0)
os.close(told)
full = 0
while full < 8 and os.read(told_read, 1):
    full += 1
print(
    "escaped: 800 MiB in eight processes"
    if full == 8
    else f"held: only {full} of eight had their memory"
)
