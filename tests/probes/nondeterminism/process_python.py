"""Python started by the guest lives in the same world."""

import os
import subprocess
import sys

CODE = (
    "import os, sys, time, random, uuid, datetime; print(time.time(), os.urandom(4).hex(), random.random(), "
    "uuid.uuid4(), datetime.datetime.now(), hash('x'), id(object()), os.listdir('.'), os.cpu_count(), sys.argv)"
)
for words in (["-c", CODE, "a"], ["-I", "-c", CODE], ["-S", "-c", CODE], ["-m", "this"]):
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    print(done.returncode, done.stdout, done.stderr)
with open("script.py", "w") as file:
    file.write(CODE)
print(subprocess.check_output([sys.executable, "script.py", "b"], env={}, text=True))
print(subprocess.run([sys.executable, "-"], input=CODE, text=True, capture_output=True))
print(subprocess.run([sys.executable, "-c", "raise SystemExit(3)"]).returncode)
child = os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", CODE])
print(child)
