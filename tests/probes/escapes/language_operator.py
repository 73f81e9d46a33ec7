# class: language
# tier: restricted
# attack: attrgetter, methodcaller and itemgetter with hidden, dotted and lying names
# success: a hidden attribute is read, or a hidden method called
import functools
import operator


class Liar(str):
    def startswith(self, *prefix):
        return False


last = None
ways = (
    lambda: operator.attrgetter("__class__")(1),
    lambda: operator.attrgetter("real.__class__")(1),
    lambda: operator.attrgetter(Liar("__class__"))(1),
    lambda: operator.attrgetter("real", "__class__")(1),
    lambda: operator.methodcaller("__reduce__")(1),
    lambda: operator.methodcaller("__getattribute__", "__class__")(1),
    lambda: operator.methodcaller(Liar("__sizeof__"))(1),
    lambda: functools.cached_property(operator.attrgetter("__class__")).func(1),
    lambda: functools.partial(operator.attrgetter, "__class__")()(1),
    lambda: functools.singledispatch,
)
for way in ways:
    try:
        print("escaped:", way())
    except (AttributeError, TypeError) as error:
        last = error
print("held:", last)
