"""More than a pipe holds, both ways at once, and to two children."""

import hashlib
import subprocess
import sys

ECHO = """
import sys
while piece := sys.stdin.buffer.read1(10000):
    sys.stdout.buffer.write(piece.upper()); sys.stderr.buffer.write(piece[:100])
"""
data = bytes(range(97, 123)) * 20000
PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
two = [subprocess.Popen([sys.executable, "-c", ECHO], **PIPES) for _ in range(2)]
for child in two:
    out, err = child.communicate(data)
    print(len(out), out == data.upper(), hashlib.sha256(err).hexdigest(), child.returncode)
done = subprocess.run([sys.executable, "-c", "print('y' * 300000)"], capture_output=True)
print(len(done.stdout), done.returncode)
try:
    slow = [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(60)"]
    subprocess.run(slow, capture_output=True, timeout=5)
except subprocess.TimeoutExpired as error:
    print(error, error.stdout)
with subprocess.Popen([sys.executable, "-uc", ECHO], **PIPES) as child:
    assert child.stdin
    assert child.stdout
    for word in (b"one", b"two", b"three"):
        child.stdin.write(word)
        child.stdin.flush()
        print(child.stdout.read(len(word)))
