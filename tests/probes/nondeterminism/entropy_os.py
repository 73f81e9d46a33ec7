"""Entropy of the kernel, by call and by device, however it is opened."""

import io
import os
import pathlib

print(os.urandom(8).hex(), os.getrandom(8).hex(), os.getrandom(4, os.GRND_NONBLOCK).hex())
for device in ("/dev/urandom", "/dev/random", "/dev/../dev/urandom"):
    with open(device, "rb") as file:
        print(device, file.read(8).hex())
    with io.open(device, "rb", buffering=0) as file:
        print(file.read(8).hex())
    number = os.open(device, os.O_RDONLY)
    print(os.read(number, 8).hex())
    os.close(number)
    print(pathlib.Path(device).open("rb").read(8).hex())
with io.FileIO("/dev/urandom") as raw:
    print(raw.read(8).hex())
os.symlink("/dev/urandom", "/tmp/link")
print(open("/tmp/link", "rb").read(8).hex())
