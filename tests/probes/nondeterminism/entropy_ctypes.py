"""Entropy and time by C's own names, called straight from the C library."""

import ctypes

libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(8)
print(libc.getrandom(buffer, 8, 0), buffer.raw.hex())
print(libc.getentropy(buffer, 8), buffer.raw.hex())
libc.arc4random.restype = ctypes.c_uint32
print(libc.arc4random(), libc.arc4random_uniform(100))
libc.arc4random_buf(buffer, 8)
print(buffer.raw.hex())
libc.time.restype = ctypes.c_long
print(libc.time(None))


class Instant(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("rest", ctypes.c_long)]


instant = Instant()
for clock in (0, 1, 2, 3, 4, 5, 6, 7, 11):
    print(clock, libc.clock_gettime(clock, ctypes.byref(instant)), instant.seconds, instant.rest)
print(libc.gettimeofday(ctypes.byref(instant), None), instant.seconds, instant.rest)
print(libc.timespec_get(ctypes.byref(instant), 1), instant.seconds, instant.rest)
libc.clock.restype = ctypes.c_long
print(libc.clock())
libc.syscall.restype = ctypes.c_long
print(libc.syscall(318, buffer, 8, 0), buffer.raw.hex())
print(libc.syscall(228, 0, ctypes.byref(instant)), instant.seconds, instant.rest)
libc.getauxval.restype = ctypes.c_void_p
libc.getauxval.argtypes = [ctypes.c_ulong]
print(ctypes.string_at(libc.getauxval(25), 16).hex())
libc.fopen.restype = ctypes.c_void_p
libc.fread.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p]
buffer = ctypes.create_string_buffer(8)
stream = libc.fopen(b"/dev/urandom", b"rb")
print(libc.fread(buffer, 1, 8, stream), buffer.raw.hex())
number = libc.open(b"/dev/random", 0)
buffer = ctypes.create_string_buffer(8)
print(libc.read(number, buffer, 8), buffer.raw.hex())
