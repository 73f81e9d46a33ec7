# class: language
# tier: restricted
# attack: say of what parts a copy is made: a memo of deepcopy, an object whose __reduce_ex__ is ours; then code from field names
# success: a class gets annotations of our choice, which a dataclass turns into code
import copy
import dataclasses
import math

last = None
EVIL = {'" + str(__import__("os").getpid()) + "': int}


class Target:
    pass


class Plain:
    def __init__(self):
        self.x = 1


class Memo(dict):
    """Answers what is asked for, in order."""

    def __init__(self, *answers):
        self.asked = 0
        self.answers = list(answers)

    def get(self, key, default=None):
        self.asked += 1
        return self.answers.pop(0) if self.asked > 1 and self.answers else default


def attempt_memo():
    state = (None, {"__new__": lambda cls: Target})
    maker = copy.deepcopy(Plain(), Memo(Plain, state))
    copy.deepcopy(Plain(), Memo(maker, (None, {"__annotations__": EVIL})))


def attempt_known_address():
    return copy.deepcopy(Plain(), {id(Plain): Target})


def attempt_facade():
    parts = ((lambda: Target), (), (None, {"__annotations__": EVIL}))
    copy.copy(type(math)("x", {"__reduce_ex__": lambda version: parts}))


for attempt in (attempt_memo, attempt_known_address, attempt_facade):
    try:
        attempt()
        made = dataclasses.dataclass(init=False, eq=False)(Target)
        print("escaped:", attempt, made())
    except (AttributeError, TypeError) as error:
        last = error
print("held:", last)
