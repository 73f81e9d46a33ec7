"""random, seeded by itself and by hand, and after a fork."""

import os
import random

print(random.random(), random.Random().random(), random.SystemRandom().random())
print(random.getrandbits(64), random.sample(range(100), 5), random.choice("abcdef"))
random.seed()
print(random.random())
random.seed(1)
print(random.random())
child = os.fork()
if not child:
    print("child", random.random(), os.urandom(4).hex(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
random.seed()
print(random.gauss(0, 1), random.randbytes(4).hex())
