"""Two forked children play ball over pipes and a socket pair while a third one only computes."""

import os
import socket
import time

ahead, back = os.pipe(), os.pipe()
left, right = socket.socketpair()
log = os.open("log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)


def say(*words: object) -> None:
    os.write(log, (" ".join(map(str, words)) + "\n").encode())


def first() -> None:
    for number in range(20):
        os.write(ahead[1], b"%03d" % number)
        say("first", os.read(back[0], 3), time.time())
    left.sendall(b"end")


def second() -> None:
    while (ball := os.read(ahead[0], 3)) != b"019":
        os.write(back[1], ball[::-1])
        say("second", ball)
    os.write(back[1], b"out")
    say("second got", right.recv(10))


def third() -> None:
    for _ in range(500):
        time.perf_counter()
    say("third", time.time())


for work in (first, second, third):
    if os.fork() == 0:
        work()
        os._exit(len(work.__name__))
print(sorted(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(3)), time.time())
print(open("log").read())
