"""Entropy of the processor's own, by import and by ctypes: refused by name before it runs."""
# extension: hardware
# machine: x86_64

import ctypes

try:
    import hardware

    print(hardware.word())
except ImportError as error:
    print("refused:", error)
try:
    print(ctypes.PyDLL("/w/hardware.so"))
except OSError as error:
    print("refused:", error)
