"""Children that end in every way there is, while others wait for their turn."""

import ctypes
import os
import signal
import subprocess
import sys
import time

CRASHES = {
    "abort": "import os; os.abort()",
    "killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "segmentation": "import ctypes; ctypes.string_at(0)",
    "raised": "import signal; signal.raise_signal(signal.SIGTERM)",
    "left": "import ctypes; ctypes.CDLL(None)._exit(5)",
    "error": "1 / 0",
}
ordinary = subprocess.Popen(
    [sys.executable, "-c", "import time\nfor n in range(9): time.sleep(0.01); print(n, flush=True)"]
)
for name, code in CRASHES.items():
    child = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    print(name, child.wait(), time.time(), flush=True)
print(ordinary.wait())
for end in (
    os.abort,
    lambda: ctypes.string_at(0),
    lambda: os._exit(3),
    lambda: os.kill(os.getpid(), 9),
):
    others = os.fork()
    if not others:
        time.sleep(5)
        print("other", time.time(), flush=True)
        os._exit(0)
    pid = os.fork()
    if not pid:
        signal.signal(signal.SIGABRT, signal.SIG_DFL)
        end()
    print(os.waitpid(pid, 0)[1], os.waitpid(others, 0)[1], flush=True)
reader, writer = os.pipe()
if not os.fork():
    os.close(reader)
    os.write(writer, b"last words")
    os.abort()
os.close(writer)
print(os.read(reader, 100), os.read(reader, 100), os.wait()[1])
