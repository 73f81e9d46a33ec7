# class: language
# tier: restricted
# attack: descriptors, super() and properties to reach functions, classes and frames without a name
# success: a hidden attribute is reached
import functools


class Base:
    @property
    def one(self):
        return 1

    @functools.cached_property
    def two(self):
        return 2

    @classmethod
    def three(cls):
        return cls


class Own(Base):
    def __init__(self):
        super().__init__()


last = None
ways = (
    lambda: getattr(Base.one.fget, "__globals__"),
    lambda: getattr(super(Own, Own()), "__class__"),
    lambda: getattr(super(Own, Own()), "__init__"),
    lambda: getattr(super(Own, Own()), "__getattribute__")("__class__"),
    lambda: getattr(Own.three, "__func__"),
    lambda: getattr(Own().three, "__self__"),
    lambda: getattr(Own.__name__, "__class__"),
    lambda: getattr(Own(), "__dict__"),
    lambda: getattr(Own, "__bases__"),
    lambda: getattr(Own, "__mro__"),
)
for way in ways:
    try:
        print("escaped:", way())
    except (AttributeError, TypeError) as error:
        last = error
print("held:", last)
