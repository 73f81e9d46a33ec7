# class: exhaustion
# attack: hide memory in files: tmpfs, memfd, pipes, sockets' buffers
# success: 128 MiB are had in any of them
# layers: rlimits
# ends: limit.workspace_bytes, limit.memory
import errno
import os
import socket

why = set()


def fill(name, place):
    size = 0
    try:
        while size < 128 << 20:
            size += os.write(place, bytes(1 << 20))
        print("escaped: 128 MiB in", name)
    except OSError as error:
        why.add(errno.errorcode[error.errno])


for path in ("/tmp/big", "/dev/shm/big", "/run/big", "/var/tmp/big"):
    try:
        fill(path, os.open(path, os.O_CREAT | os.O_WRONLY))
        os.unlink(path)
    except OSError as error:
        why.add(errno.errorcode[error.errno])
try:
    fill("memfd", os.memfd_create("big"))
except OSError as error:
    why.add(errno.errorcode[error.errno])
kept, size = [], 0
try:
    while size < 128 << 20:
        pair = socket.socketpair()
        kept.append(pair)
        pair[0].setblocking(False)
        try:
            while True:
                size += pair[0].send(bytes(1 << 16))
        except BlockingIOError:
            pass
    print("escaped: 128 MiB in sockets")
except OSError as error:
    why.add(errno.errorcode[error.errno])
print("held:", ", ".join(sorted(why)))
