"""Counts of the collector, of references, of objects and of blocks."""

import gc
import sys

print(gc.get_count(), gc.get_threshold(), gc.get_stats())
print(len(gc.get_objects()), sys.getallocatedblocks())
rings = [[] for _ in range(5000)]
for ring in rings:
    ring.append(ring)
print(gc.get_count(), sys.getrefcount(rings), sys.getsizeof(rings), gc.isenabled())
del rings, ring
print(gc.collect(), gc.get_count(), sys.getallocatedblocks())
