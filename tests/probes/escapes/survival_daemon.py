# class: survival
# attack: a daemon by two forks and a session of its own, deaf to hangups, its descriptors closed
# success: it outlives the run
# layers: pid-namespace
import os
import signal

if os.fork() == 0:
    os.setsid()
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if os.fork():
        os._exit(0)
    for number in range(64):
        try:
            os.close(number)
        except OSError:
            pass
    while True:
        signal.pause()
print("held: the daemon is left behind; whether it lives is seen from outside", flush=True)
