"""Profilers and timers measure virtual time."""

import cProfile
import io
import pstats
import timeit

print(timeit.timeit("sum(range(10))", number=100))
profile = cProfile.Profile()
profile.runcall(sorted, range(1000), key=lambda number: -number)
text = io.StringIO()
pstats.Stats(profile, stream=text).sort_stats("name").print_stats()
print(text.getvalue())
