# class: network
# attack: open sockets of every family number but unix and the internet: netlink, packet, vsock, alg …
# success: the kernel gives one
# layers: seccomp
import errno
import socket

why = set()
for family in [*range(3, 10), *range(11, 47)]:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try:
            socket.socket(family, kind).close()
            print("escaped: family", family, "type", int(kind))
        except OSError as error:
            why.add(errno.errorcode[error.errno])
print("held:", ", ".join(sorted(why)))
