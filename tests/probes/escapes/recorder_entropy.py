# class: recorder
# attack: draw entropy that the recorder does not know: devices, getrandom by the C library
# success: two equal draws of one seeded run differ from what the seed gives (seen by drawing twice in forks)
import ctypes
import os

libc = ctypes.CDLL(None)


def draws():
    found = {}
    room = ctypes.create_string_buffer(16)
    if libc.getrandom(room, 16, 0) == 16:
        found["getrandom"] = room.raw
    if libc.getentropy(room, 16) == 0:
        found["getentropy"] = room.raw
    for path in ("/dev/urandom", "/dev/random"):
        try:
            place = os.open(path, os.O_RDONLY)
            found[path] = os.read(place, 16)
            os.close(place)
        except OSError:
            pass
    return found


def in_a_child():
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, repr(sorted(draws().items())).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    return dict(eval(os.read(read, 65536)))


first, second = in_a_child(), in_a_child()
real = [name for name in first if first[name] != second.get(name)]
print("escaped: not of the seed:" if real else "held: equal children draw equal bytes", *real)
