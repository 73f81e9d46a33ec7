# class: network
# attack: connect to unix sockets of the host: the listener's, the system bus, a container engine's
# success: the listener outside is reached, or any of them answers
# layers: mount-namespace
import errno
import socket
import sys

stage = dict(word.split("=", 1) for word in sys.argv[1:])
why = set()
for path in (
    stage["unix"],
    "/run/dbus/system_bus_socket",
    "/var/run/docker.sock",
    "/run/systemd/private",
    "/dev/log",
):
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
            made.connect(path)
        print("escaped: connected to", path)
    except OSError as error:
        why.add(errno.errorcode[error.errno])
print("held:", ", ".join(sorted(why)))
