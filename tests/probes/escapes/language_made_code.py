# class: language
# tier: restricted
# attack: the library's own code makers: namedtuple, make_dataclass, Enum by names, field defaults
# success: text of ours is run as code, or a hidden name is defined
import collections
import dataclasses
import enum

last = None
for way in (
    lambda: collections.namedtuple("A", "x, y=print('escaped')"),
    lambda: collections.namedtuple("A", ["__getattribute__"]),
    lambda: collections.namedtuple("A): pass\nprint('escaped')\nclass B(object", "x"),
    lambda: getattr(dataclasses, "make_dataclass"),
    lambda: enum.Enum("A", {"__class__": 1}),
):
    try:
        print("escaped:", way())
    except (AttributeError, TypeError, ValueError) as error:
        last = error
print("held:", last)
