"""What a thread can see of itself and of others."""

import contextvars
import sys
import threading
import traceback

name = contextvars.ContextVar("name", default="main")


def show() -> None:
    me = threading.current_thread()
    name.set(me.name)
    print(me, threading.get_ident(), threading.get_native_id(), me.daemon, name.get())
    print(len(sys._current_frames()), [frame.name for frame in traceback.extract_stack()])


threads = [threading.Thread(target=show) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(threading.main_thread(), name.get(), threading.Lock(), threading.active_count())
print(sorted(sys._current_frames()) == [threading.get_ident()])
