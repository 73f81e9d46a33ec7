"""A C extension of one's own: its clock, its entropy, its waits."""
# extension: drawing

import time

import drawing

print(drawing.seconds(), drawing.nanoseconds(), drawing.entropy(), drawing.pthread_wait(0.05))
time.sleep(100)
print(drawing.nanoseconds(), drawing.file_entropy(), drawing.bare_entropy())
