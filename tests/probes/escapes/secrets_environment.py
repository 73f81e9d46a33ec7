# class: secrets
# attack: look for secrets of the shell in our own environment, as Python has it and as the kernel gave it
# success: a variable is there that the sandbox did not name itself
# layers: mount-namespace
import os
import sys

stage = dict(word.split("=", 1) for word in sys.argv[1:])
named = {*stage["environment"].split(","), "PWD", "LD_PRELOAD"}
raw = {
    os.fsdecode(word.partition(b"=")[0])
    for word in open("/proc/self/environ", "rb").read().split(b"\0")
    if word
}
foreign = (raw | set(os.environ)) - named
print("escaped:" if foreign else "held: nothing but what every run has", *sorted(foreign))
