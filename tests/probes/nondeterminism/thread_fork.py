"""A fork while threads run: the child has its one thread, and free locks of threading's own."""

import os
import threading
import time

stop = threading.Event()
thread = threading.Thread(target=stop.wait, args=(1000,))
thread.start()
time.sleep(0.1)
child = os.fork()
if child == 0:
    print(
        "child",
        threading.active_count(),
        threading.get_ident() == threading.main_thread().ident,
        flush=True,
    )
    inner = threading.Thread(target=print, args=("inner",), kwargs={"flush": True})
    inner.start()
    inner.join()
    os._exit(3)
print("parent", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), threading.active_count())
stop.set()
thread.join()
