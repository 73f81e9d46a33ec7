"""Log lines of several threads, in one stream and in a file, with names and times."""

import logging
import logging.handlers
import queue
import sys
import threading

form = "%(asctime)s.%(msecs)d %(threadName)s %(thread)d %(process)d %(message)s"
logging.basicConfig(
    level=logging.INFO,
    format=form,
    handlers=[logging.StreamHandler(sys.stdout), logging.FileHandler("log")],
)
line: queue.Queue[logging.LogRecord] = queue.Queue()
listener = logging.handlers.QueueListener(line, logging.StreamHandler(sys.stdout))
listener.start()
quiet = logging.getLogger("quiet")
quiet.propagate = False
quiet.addHandler(logging.handlers.QueueHandler(line))


def talk(n: int) -> None:
    for k in range(10):
        logging.info("%d says %d", n, k)
        quiet.warning("%d whispers %d", n, k)


threads = [threading.Thread(target=talk, args=(n,)) for n in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
listener.stop()
