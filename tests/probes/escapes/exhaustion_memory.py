# class: exhaustion
# attack: take memory, up to 512 MiB in one process
# success: 512 MiB are had
# layers: rlimits, cgroup-memory
# ends: limit.memory
kept = []
try:
    for _ in range(512):
        kept.append(b"x" * (1 << 20))
    print("escaped: 512 MiB in one process")
except MemoryError:
    kept.clear()
    print("held: MemoryError")
