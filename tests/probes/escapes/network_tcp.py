# class: network
# attack: connect over TCP to a listener on the host, to the machine's neighbours and to the world
# success: the listener outside is reached, or any connection is made
# layers: network-namespace, seccomp, landlock-network
import errno
import socket
import sys

stage = dict(word.split("=", 1) for word in sys.argv[1:])
why = set()
hosts = (
    ("127.0.0.1", int(stage["tcp"])),
    ("0.0.0.0", int(stage["tcp"])),
    ("169.254.169.254", 80),
    ("1.1.1.1", 53),
)
for address in hosts:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
            made.settimeout(0.3)
            made.connect(address)
        print("escaped: connected to", address)
    except OSError as error:
        why.add(errno.errorcode.get(error.errno, "timeout"))
print("held:", ", ".join(sorted(why)))
