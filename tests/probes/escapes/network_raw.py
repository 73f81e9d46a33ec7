# class: network
# attack: open raw and packet sockets, and ping
# success: the kernel gives one
# layers: seccomp, capabilities-dropped, network-namespace
import errno
import socket

why = set()
wanted = (
    (socket.AF_INET, socket.SOCK_RAW, 1),
    (socket.AF_INET, socket.SOCK_RAW, 255),
    (socket.AF_INET, socket.SOCK_DGRAM, 1),
    (socket.AF_INET6, socket.SOCK_RAW, 58),
    (17, socket.SOCK_RAW, 0x0300),
    (socket.AF_INET, socket.SOCK_STREAM | 0x7FFFFFF0, 0),
)
for family, kind, protocol in wanted:
    try:
        socket.socket(family, kind, protocol).close()
        print("escaped:", family, kind, protocol)
    except OSError as error:
        why.add(errno.errorcode[error.errno])
print("held:", ", ".join(sorted(why)))
