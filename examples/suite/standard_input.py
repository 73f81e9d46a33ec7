"""Standard input, in lines and at last in one piece."""

import sys

print("first", sys.stdin.readline().strip())
total = 0
for line in sys.stdin:
    if line.startswith("#"):
        break
    total += int(line)
print("sum", total)
rest = sys.stdin.read()
print(len(rest), rest.count("\n"), rest[-4:])
