"""The C type below random, asked without its Python wrapping."""

import _random

print(_random.Random().random(), _random.Random().getrandbits(32))
generator = _random.Random()
generator.seed()
print(generator.random())
