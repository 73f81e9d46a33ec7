"""A pipeline of three programs, as a shell would make it; each end is closed where it must be."""

import subprocess
import sys

# More than a pipe holds (64 KiB), so that each has to wait for the next.
FIRST = "for n in range(10000): print(n, 'x' * (n % 7))"
SECOND = "import sys\nfor line in sys.stdin:\n    if '7' in line: print(line.strip()[::-1])"
THIRD = "import sys, hashlib; text = sys.stdin.read(); print(len(text), hashlib.sha256(text.encode()).hexdigest())"


def stage(code: str, stdin: object) -> "subprocess.Popen[str]":
    words = [sys.executable, "-c", code]
    return subprocess.Popen(words, stdin=stdin, stdout=subprocess.PIPE, text=True)  # type: ignore[arg-type]


a = stage(FIRST, subprocess.DEVNULL)
b = stage(SECOND, a.stdout)
assert a.stdout
a.stdout.close()
c = stage(THIRD, b.stdout)
assert b.stdout
b.stdout.close()
print(c.communicate()[0], a.wait(), b.wait(), c.returncode)
broken = stage(FIRST, subprocess.DEVNULL)
head = stage("print(input())", broken.stdout)
assert broken.stdout
broken.stdout.close()
print(head.communicate()[0], broken.wait() != 0)
