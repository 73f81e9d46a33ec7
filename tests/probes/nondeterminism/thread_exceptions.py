"""Errors in threads: the default hook, one of our own, raw threads, SystemExit."""

import _thread
import sys
import threading
import time


def fail(n: int) -> None:
    raise ValueError(n)


for n in range(2):
    thread = threading.Thread(target=fail, args=(n,))
    thread.start()
    thread.join()
threading.excepthook = lambda what: print("hook", what.thread.name, repr(what.exc_value))
thread = threading.Thread(target=fail, args=(2,))
thread.start()
thread.join()
thread = threading.Thread(target=sys.exit, args=(7,))
thread.start()
thread.join()
_thread.start_new_thread(fail, (3,))
time.sleep(1)
print("end", threading.active_count())
