"""Machine code made at run time: it runs, is trapped like any other, and is refused where it draws."""
# extension: made hardware
# machine: x86_64

import ctypes
import mmap
import os
import sys

import made

os.dup2(1, 2)  # what the net says is part of what is observed
FORTY_TWO = bytes.fromhex("b82a000000c3")
STAMP = bytes.fromhex("0f31c3")
DRAWING = {"rdrand": "0fc7f0c3", "rdseed": "480fc7f8c3", "rdpid": "f30fc7f8c3"}
ONE = bytes.fromhex("0fc7f0c3")

NOEXEC_SEAL = 8  # MFD_NOEXEC_SEAL: without it there are none in a sandbox


def memory():
    return os.memfd_create("code", NOEXEC_SEAL)


def told(*words):
    print(*words, flush=True)


for by_instruction in (False, True):
    told(made.compile(FORTY_TWO, by_instruction, 0), made.compile(STAMP, by_instruction, 4094))
    for name, code in DRAWING.items():
        told(name, made.compile(bytes.fromhex(code), by_instruction, 0))
        told(name, made.compile(bytes.fromhex(code), by_instruction, 4094))
told(made.straddle(FORTY_TWO), made.straddle(ONE))
told(made.share())
for how in (made.map, made.map_then_allow):
    for shared in (False, True):
        for place in ("memfd", "/tmp/code", "/w/code"):
            fd = memory() if place == "memfd" else os.open(place, os.O_RDWR | os.O_CREAT)
            os.truncate(fd, 4096)
            told(
                how.__name__,
                shared,
                place,
                how(fd, FORTY_TWO, ONE, shared),
                how(fd, ONE, FORTY_TWO, shared),
            )
            os.close(fd)
try:
    with open("/w/hardware.so", "rb") as file:
        mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ | mmap.PROT_EXEC, flags=mmap.MAP_PRIVATE)
except OSError as error:
    told("refused:", error)
for library in ("/w/made.so", ctypes.util.__file__ if hasattr(ctypes, "util") else sys.executable):
    with open(library, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        with mmap.mmap(
            file.fileno(), size, prot=mmap.PROT_READ | mmap.PROT_EXEC, flags=mmap.MAP_PRIVATE
        ) as code:
            file.seek(0)
            told(library, code[:] == file.read())
told([ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda word: word + 1)(41) for _ in range(3)])
