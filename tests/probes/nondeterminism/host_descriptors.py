"""Numbers of descriptors, pipes and sockets, and what lies behind them."""

import os
import socket

print([os.open("/dev/null", os.O_RDONLY) for _ in range(3)], os.pipe())
for number in range(12):
    try:
        found = os.fstat(number)
        print(
            number,
            found.st_ino,
            found.st_dev,
            oct(found.st_mode),
            os.readlink(f"/proc/self/fd/{number}"),
        )
    except OSError as error:
        print(number, error.errno)
left, right = socket.socketpair()
print(left.fileno(), right.fileno(), left, os.fstat(left.fileno()))
