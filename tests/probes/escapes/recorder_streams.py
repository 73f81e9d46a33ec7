# class: recorder
# attack: write output that the record does not hold: by /proc's descriptors, by other processes' streams, by duplicates
# success: a stream is reached that is no pipe to the supervisor
import os
import stat

pipes = {os.fstat(number).st_ino for number in (1, 2)}
foreign = []
for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
    for number in (*range(20), 1000):
        path = f"/proc/{pid}/fd/{number}"
        try:
            place = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            continue
        facts = os.fstat(place)
        if (
            not (stat.S_ISFIFO(facts.st_mode) and facts.st_ino in pipes)
            and os.readlink(path) != "/dev/null"
        ):
            foreign.append(f"{path} {os.readlink(path)}")
        os.close(place)
print("escaped:" if foreign else "held: every stream leads to the supervisor", *foreign)
