# class: network
# attack: connect to an abstract unix socket of the host, which no file system hides
# success: the listener outside is reached
# layers: network-namespace, landlock-scopes
import errno
import socket
import sys

stage = dict(word.split("=", 1) for word in sys.argv[1:])
try:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        made.connect("\0" + stage["abstract"])
    print("escaped: connected")
except OSError as error:
    print("held:", errno.errorcode[error.errno])
