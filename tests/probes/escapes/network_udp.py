# class: network
# attack: send datagrams to the host and to a name server
# success: the listener outside gets one, or a datagram leaves
# layers: network-namespace, seccomp
import errno
import socket
import sys

stage = dict(word.split("=", 1) for word in sys.argv[1:])
why = set()
for address in (("127.0.0.1", int(stage["udp"])), ("8.8.8.8", 53), ("255.255.255.255", 9)):
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.sendto(b"secret", address)
        print("escaped: sent to", address)
    except OSError as error:
        why.add(errno.errorcode[error.errno])
print("held:", ", ".join(sorted(why)))
