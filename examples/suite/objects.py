"""What hides an address or a hash: sets of objects, default reprs, ids, weak references."""

import collections
import gc
import weakref


class Plain:
    pass


class Point(collections.namedtuple("Point", "x y")):
    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)


made = [Plain() for _ in range(20)]
numbers = {each: number for number, each in enumerate(made)}
print([numbers[each] for each in set(made)])
print(set("the order of letters"), {str(n) for n in range(12)}, frozenset(["b", "a"]))
print(Plain(), made[3], print)
print(sorted(id(each) % 4096 for each in made), hash("word"), hash(1.5))
watched = weakref.WeakSet(made)
print([numbers[each] for each in watched])
del made[::2], numbers
print(gc.collect() >= 0, sum((Point(n, -n) for n in range(10)), Point(0, 0)))
