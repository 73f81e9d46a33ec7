# class: language
# tier: restricted
# attack: from a class to its metaclass, its subclasses and back: mro, type of a type, bases that are computed
# success: object's subclasses, or a metaclass that makes classes
import abc
import enum
import json

last = None


class Mine(abc.ABC):
    def mro(self):
        return [1]


attempts = (
    lambda: getattr(int.mro()[-1], "__subclasses__"),
    lambda: getattr(enum.Enum.mro()[0], "__class__"),
    lambda: type(type(enum.Enum))("X", (), {}),
    lambda: type(type(json))("X", (), {}),
    lambda: type(json)("X", {}),
    lambda: type(type).mro()[0]("X", (), {}),
    lambda: type(Mine)("X", (), {}),
    lambda: Mine.register(int),
    lambda: getattr(Mine, "__subclasshook__"),
    lambda: isinstance(enum.Enum, type) and getattr(enum.Enum, "__prepare__"),
    lambda: getattr(Mine(), "__init_subclass__"),
    lambda: getattr(object(), "__reduce_ex__"),
)
for attempt in attempts:
    try:
        print("escaped:", attempt())
    except (AttributeError, TypeError) as error:
        last = error
print("held:", last)
