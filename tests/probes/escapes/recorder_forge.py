# class: recorder
# attack: tell the recorder on its own line that all went well, then fail
# success: the record says exit 0 for a program that was killed
# ends: protocol, signal:SIGKILL
import os
import struct


def message(*fields):
    body = b"".join(struct.pack(">I", len(field)) + field for field in fields)
    return struct.pack(">I", len(body)) + body


for number in range(3, 1024):
    try:
        os.write(number, message(b"outcome", b"0", b"exit"))
    except OSError:
        pass
os.kill(os.getpid(), 9)
