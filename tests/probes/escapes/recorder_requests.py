# class: recorder
# attack: ask the recorder for what no guest may have: files, network, time, others' input
# success: it answers, with anything at all
# ends: protocol
import os
import select
import struct


def message(*fields):
    body = b"".join(struct.pack(">I", len(field)) + field for field in fields)
    return struct.pack(">I", len(body)) + body


for number in range(3, 1024):
    try:
        os.write(number, message(b"ask", b"files.read /etc/passwd"))
    except OSError:
        continue
    ready = select.select([number], [], [], 1)[0]
    if ready:
        answer = os.read(number, 4096)
        if answer.strip(b"\0"):
            print("escaped: it answered", answer)
print("held: no answer")
