"""Threads that talk through pipes and socket pairs: none waits in the kernel with the baton."""

import os
import selectors
import socket
import threading

reading, writing = os.pipe()
left, right = socket.socketpair()


def write() -> None:
    with os.fdopen(writing, "w") as out:
        for n in range(5000):
            out.write(f"line {n}\n")


def echo() -> None:
    while data := right.recv(100):
        right.sendall(data.upper())
    right.close()


threads = [threading.Thread(target=write), threading.Thread(target=echo)]
for thread in threads:
    thread.start()
with os.fdopen(reading) as source:
    print(sum(len(line) for line in source))
left.sendall(b"hello")
print(left.recv(100))
with selectors.DefaultSelector() as selector:
    selector.register(left, selectors.EVENT_READ)
    left.sendall(b"again")
    print(len(selector.select(timeout=5)), left.recv(100), selector.select(timeout=5))
left.close()
for thread in threads:
    thread.join()
