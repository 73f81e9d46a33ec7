# class: language
# tier: restricted
# attack: metaclasses by inheritance: from type, from what type() returns, from the metaclasses of enum and abc
# success: such a class is made
import abc
import enum

last = None


def one():
    class Mine(type(int)):
        pass

    return Mine


def two():
    class Mine(type):
        pass

    return Mine


def three():
    class Mine(type(enum.Enum)):
        pass

    return Mine


def four():
    class Mine(type(abc.ABC)):
        pass

    return Mine


for way in (one, two, three, four):
    try:
        print("escaped:", way())
    except (TypeError, AttributeError) as error:
        last = error
print("held:", last)
