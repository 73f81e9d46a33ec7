# class: language
# tier: restricted
# attack: annotations that are texts, evaluated later by typing, dataclasses or NamedTuple
# success: the text is evaluated
import dataclasses
import typing

last = None


def one():
    return typing.get_type_hints(Mine)


class Mine:
    x: "print('escaped: evaluated')"


def two():
    @dataclasses.dataclass
    class Data:
        x: "print('escaped: evaluated') or __import__('os')"
        y: "typing.ClassVar[print('escaped: evaluated')]"

    return None


def three():
    class Row(typing.NamedTuple):
        x: "print('escaped: evaluated')"

    return Row(1).x and None


for way in (one, two, three):
    try:
        found = way()
        if found is not None:
            print("escaped:", found)
    except (AttributeError, TypeError, NameError, ValueError) as error:
        last = error
print("held:", last)
