# class: exhaustion
# attack: write to standard output without end, stopped at 64 MiB
# success: 64 MiB are taken
# ends: limit.output
import os

block = b"y" * (1 << 16)
for _ in range(1024):
    os.write(1, block)
os.write(1, b"\nescaped: 64 MiB of output\n")
