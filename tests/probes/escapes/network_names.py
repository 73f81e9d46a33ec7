# class: network
# attack: resolve a name, which needs a name server, a resolver's socket or its files
# success: a name of the world is resolved, or the host's resolver settings are read
# layers: network-namespace, mount-namespace, seccomp
import socket

found = []
for name in ("example.com", "localhost.localdomain", "metadata.google.internal"):
    try:
        found.append(socket.getaddrinfo(name, 80))
    except OSError as error:
        why = error
for path in ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/etc/hosts"):
    try:
        found.append(
            [
                line
                for line in open(path)
                if "127." not in line and "::1" not in line and line.strip()
            ]
        )
    except OSError:
        pass
if any(found):
    print("escaped:", found)
else:
    print("held:", why)
