# class: recorder
# attack: tell the recorder on its own line that all went well, then fail
# success: the record says exit 0 for a program that ended with 7
# ends: protocol
import os
import struct


def message(*fields):
    body = b"".join(struct.pack(">I", len(field)) + field for field in fields)
    return struct.pack(">I", len(body)) + body


for number in range(3, 64):
    try:
        os.write(number, message(b"outcome", b"0", b"exit"))
    except OSError:
        pass
print("held: the status that the kernel tells outweighs what a guest says of itself", flush=True)
os.kill(os.getpid(), 9)
