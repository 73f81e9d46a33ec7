# class: exhaustion
# attack: open descriptors without end, stopped at 20,000
# success: 20,000 are open
# layers: rlimits
import os

held = 0
try:
    while held < 20000:
        os.dup(0)
        held += 1
    print("escaped: 20,000 descriptors")
except OSError as error:
    print("held:", error.strerror)
