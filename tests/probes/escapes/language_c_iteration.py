# class: language
# tier: restricted
# attack: builtins that iterate in C over values of ours and call what they find, with no guard between
# success: a hidden attribute is read, or a class is made
import functools
import itertools
import operator


class Names:
    def __iter__(self):
        return iter(["__class__", "__dict__"])


last = None
ways = (
    lambda: list(map(getattr, [1], ["__class__"])),
    lambda: list(map(getattr, itertools.repeat(1), Names())),
    lambda: sorted(["__class__"], key=functools.partial(getattr, 1)),
    lambda: max(["__class__", "a"], key=lambda name: getattr(1, name)),
    lambda: list(filter(functools.partial(hasattr, 1), Names())) or missing,
    lambda: functools.reduce(getattr, ["__class__", "__mro__"], 1),
    lambda: list(itertools.starmap(getattr, [(1, "__class__")])),
    lambda: list(itertools.accumulate(["__class__"], getattr, initial=1)),
    lambda: dict(zip(["a"], map(operator.attrgetter("__class__"), [1]))),
    lambda: list(map(type, ["X"], [()], [{}])),
    lambda: functools.partial(type, "X", ())({}),
    lambda: next(iter(functools.partial(getattr, 1, "__class__"), 0)),
)
for way in ways:
    try:
        print("escaped:", way())
    except (AttributeError, TypeError, NameError) as error:
        last = error
print("held:", last)
