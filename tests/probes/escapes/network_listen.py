# class: network
# attack: listen on a port for the host or the network to come in
# success: a port is bound
# layers: seccomp, landlock-network, network-namespace
import errno
import socket

why = set()
for family, host in (
    (socket.AF_INET, "127.0.0.1"),
    (socket.AF_INET, "0.0.0.0"),
    (socket.AF_INET6, "::"),
):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try:
            with socket.socket(family, kind) as made:
                made.bind((host, 0))
                print("escaped: bound", made.getsockname())
        except OSError as error:
            why.add(errno.errorcode[error.errno])
print("held:", ", ".join(sorted(why)))
