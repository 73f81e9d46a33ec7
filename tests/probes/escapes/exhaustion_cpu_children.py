# class: exhaustion
# attack: compute in short-lived children, none of which reaches a limit of its own
# success: 100 children of 0.2 s each come to their end
# ends: limit.cpu, limit.wall
import os

for _ in range(100):
    child = os.fork()
    if child == 0:
        for number in range(6_000_000):
            pass
        os._exit(0)
    os.waitpid(child, 0)
print("escaped: all children came to their end")
