# class: recorder
# attack: draw entropy that the recorder does not know: devices, getrandom by the C library, by children
# success: a second run of the same seed draws other bytes
# runs: 2
import ctypes
import os

libc = ctypes.CDLL(None)


def draws():
    found = {}
    room = ctypes.create_string_buffer(16)
    if libc.getrandom(room, 16, 0) == 16:
        found["getrandom"] = room.raw.hex()
    if libc.getentropy(room, 16) == 0:
        found["getentropy"] = room.raw.hex()
    for path in ("/dev/urandom", "/dev/random"):
        try:
            place = os.open(path, os.O_RDONLY)
            found[path] = os.read(place, 16).hex()
            os.close(place)
        except OSError:
            pass
    found["libc.rand"] = str(libc.rand())
    return found


read, write = os.pipe()
child = os.fork()
if child == 0:
    os.write(write, "\n".join(f"child {name} {text}" for name, text in draws().items()).encode())
    os._exit(0)
os.close(write)
os.waitpid(child, 0)
now = [f"{name} {text}" for name, text in draws().items()] + os.read(
    read, 65536
).decode().splitlines()
if not os.path.exists("before"):
    with open("before", "w") as file:
        file.write("\n".join(now))
    print("held: first run")
else:
    before = open("before").read().splitlines()
    other = [one for one, two in zip(now, before, strict=True) if one != two]
    print("escaped: not of the seed:" if other else "held: every draw is the seed's", *other)
