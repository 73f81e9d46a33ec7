# class: network
# attack: the same by IPv6, and by addresses that map IPv4 into it
# success: the listener outside is reached, or any connection is made
# layers: network-namespace, seccomp, landlock-network
import errno
import socket
import sys

stage = dict(word.split("=", 1) for word in sys.argv[1:])
why = set()
for host in ("::1", "::ffff:127.0.0.1", "2606:4700:4700::1111", "fe80::1"):
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as made:
            made.settimeout(0.3)
            made.connect((host, int(stage["tcp"])))
        print("escaped: connected to", host)
    except OSError as error:
        why.add(errno.errorcode.get(error.errno, "timeout"))
print("held:", ", ".join(sorted(why)))
