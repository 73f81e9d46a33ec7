# class: kernel
# attack: raise limits: one's own beyond the hard ones, those of the first process, by prlimit and before exec
# success: any hard limit is raised
# layers: rlimits, capabilities-dropped
import os
import resource

why = set()
for pid in (0, 1, os.getpid(), os.getppid()):
    for kind in range(16):
        try:
            soft, hard = resource.prlimit(pid, kind)
            if hard == resource.RLIM_INFINITY:
                continue
            resource.prlimit(pid, kind, (soft, hard + 1))
            if resource.prlimit(pid, kind)[1] > hard:
                print("escaped: limit", kind, "of", pid, "was raised")
        except (OSError, ValueError) as error:
            why.add(type(error).__name__)
print("held:", *sorted(why))
