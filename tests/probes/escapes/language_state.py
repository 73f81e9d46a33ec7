# class: language
# tier: restricted
# attack: state of the library's own objects, by their setters, descriptors and shared dictionaries
# success: an object that is not the program's is changed
import calendar
import dataclasses
import decimal
import functools
import json
import math
import operator
import random
import statistics
import textwrap
import uuid

last = None


class Static(staticmethod):
    pass


class Held(property):
    pass


def attempt_static():
    made = Static(math)
    made.pi = 3
    return math.pi != 3 and operator.setitem(math, "pi", 3)


attempts = (
    attempt_static,
    lambda: setattr(Held(len), "fget", print),
    lambda: setattr(calendar.day_name, "format", "%Y"),
    lambda: setattr(textwrap.TextWrapper, "wordsep_re", None),
    lambda: setattr(json.JSONEncoder, "default", print),
    lambda: setattr(random.Random, "random", print),
    lambda: setattr(statistics.NormalDist, "mean", print),
    lambda: setattr(uuid.uuid4(), "int", 1),
    lambda: setattr(dataclasses.field(), "name", "gi_frame"),
    lambda: setattr(decimal.localcontext(), "saved_context", 1),
    lambda: setattr(functools.partial(print), "func", len),
    lambda: setattr(functools.cached_property(print), "attrname", "__class__"),
    lambda: functools.wraps(print)(json.dumps),
    lambda: functools.update_wrapper,
    lambda: getattr(random.Random(), "__setstate__"),
    lambda: getattr(functools.partial(print), "__setstate__"),
    lambda: delattr(json.JSONEncoder, "default"),
    lambda: operator.iadd(json.JSONEncoder, 1),
)
for attempt in attempts:
    try:
        print("escaped:", attempt())
    except (AttributeError, TypeError) as error:
        last = error
print("held:", last)
