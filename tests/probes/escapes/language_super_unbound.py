# class: language
# tier: restricted
# attack: special methods without an instance, by a super() of our own: a dataclass's __init__ sets fields of others
# success: an attribute of a class of the library is set, or a dictionary that is not ours is written
import dataclasses
import json
import re

last = None
real = super


@dataclasses.dataclass
class Sets:
    item_separator: str


class Below(Sets):
    pass


class Table(dict):
    pass


def attempt_init():
    def super():
        return real(Below, Below)

    super().__init__(json.JSONEncoder, "owned")


def attempt_setitem():
    def super():
        return real(Table, Table)

    super().__setitem__({}, "a", 1)
    return re.compile("(?P<a>a)").groupindex


def attempt_classmethod():
    class Inner(Sets):
        @classmethod
        def go(cls):
            return super().__init__

    Inner.go()(json.JSONEncoder, "owned")


for attempt in (attempt_init, attempt_setitem, attempt_classmethod):
    try:
        print("escaped:", attempt(), json.JSONEncoder.item_separator)
    except (AttributeError, TypeError) as error:
        last = error
print("held:", last)
