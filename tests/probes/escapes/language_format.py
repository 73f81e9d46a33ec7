# class: language
# tier: restricted
# attack: walk from a value to object's subclasses in a format string's fields
# success: a class or a function's globals is formatted
ways = (
    lambda: "{0.__class__.__mro__[1].__subclasses__}".format(1),
    lambda: "{0.__globals__}".format(print_it),
    lambda: "{x.__class__}".format(x=1),
    lambda: str.format("{0.__class__}", 1),
    lambda: "{0:{1.__class__}}".format(1, 2),
    lambda: "{0[0].__class__}".format([1]),
    lambda: "{.__class__}".format(1),
    lambda: "{0.f.__func__.__globals__}".format(Own()),
)


def print_it():
    pass


class Own:
    def f(self):
        pass


for way in ways:
    try:
        print("escaped:", way())
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        last = error
print("held:", last)
