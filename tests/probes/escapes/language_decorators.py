# class: language
# tier: restricted
# attack: decorators that hand a function or a class to what changes or opens them
# success: a function's attributes are written, or its globals reached
import contextlib
import functools
import operator

last = None


def opened(function):
    return getattr(function, "__globals__")


def attempt_one():
    @opened
    def found():
        pass

    return found


def attempt_two():
    @functools.partial(operator.attrgetter("__globals__"))
    def found():
        pass

    return found


def attempt_three():
    @functools.partial(functools.wraps, assigned=("__globals__",))
    def found():
        pass

    return getattr(found(lambda: 0), "__globals__")


def attempt_four():
    target = print
    functools.wraps(len, assigned=("__self__",))(target)
    return "wrote into print"


for attempt in (attempt_one, attempt_two, attempt_three, attempt_four):
    try:
        print("escaped:", attempt())
    except (AttributeError, TypeError) as error:
        last = error
print("held:", last)
