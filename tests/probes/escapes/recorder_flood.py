# class: recorder
# attack: flood the recorder's line with a message that never ends
# success: the recorder takes more than 64 MiB
# ends: protocol
import os

taken = 0
for number in range(3, 1024):
    try:
        taken += os.write(number, b"\xff\xff\xff\xff")
        while taken < 64 << 20:
            taken += os.write(number, bytes(1 << 16))
    except OSError:
        continue
print("escaped: it took 64 MiB" if taken >= 64 << 20 else "held: the line is cut")
