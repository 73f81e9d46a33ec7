"""Everything a machine would decide: time, entropy, names, places."""

import datetime
import os
import platform
import random
import secrets
import tempfile
import time
import uuid

print(time.time(), time.monotonic(), time.perf_counter_ns(), datetime.datetime.now())
time.sleep(0.02)
print(time.time(), time.strftime("%Y-%m-%d %H:%M:%S %Z"))
print(random.random(), random.sample(range(1000), 5), secrets.token_hex(8), os.urandom(8).hex())
print(uuid.uuid4(), uuid.uuid1(), tempfile.gettempprefix(), os.path.basename(tempfile.mkdtemp()))
print(os.getpid(), platform.node(), os.getcwd(), sorted(os.environ), os.cpu_count())
