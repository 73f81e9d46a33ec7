"""Children that are waited for with timeouts, polled, and killed."""

import subprocess
import sys
import time

child = subprocess.Popen(
    [sys.executable, "-c", "print(input()[::-1])"], stdin=-1, stdout=-1, text=True
)
print(child.communicate("abc", timeout=60), child.returncode, child.pid)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.1)"])
print(child.wait(timeout=60), time.time())
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
try:
    child.wait(timeout=0.3)
except subprocess.TimeoutExpired as error:
    print(error, time.time())
child.kill()
print(child.wait(), time.time())
