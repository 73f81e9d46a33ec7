import enum
from collections import namedtuple
from dataclasses import dataclass
from typing import NamedTuple


class Kind(enum.Enum):
    ONE = 1
    TWO = 2


@dataclass
class Point:
    x: int
    y: int


class Size(NamedTuple):
    w: int
    h: int = 2


class Named(namedtuple("Named", "p q")):
    def total(self):
        return self.p + self.q


def told(value):
    match value:
        case Kind.ONE | Kind.TWO as kind:
            return f"kind {kind.name}"
        case Point(0, y):
            return f"on the axis at {y}"
        case Point(x, y) if x == y:
            return "diagonal"
        case {"k": inner, **rest}:
            match inner:
                case Kind.ONE:
                    return f"inner one, {rest}"
                case _:
                    return f"inner {inner}"
        case [1, *others, 9]:
            return f"1 to 9 by {others}"
        case str() | None | True | -1 | "x":
            return "plain"
        case (a, b):
            return f"two: {a} {b}"
        case _:
            return "other"


values = [
    Kind.ONE, Point(0, 4), Point(2, 2), Point(1, 2), {"k": Kind.ONE, "z": 1}, {"k": 5}, [1, 2, 3, 9], "s", None, -1, True,
    (5, 6), 7.5,
]
for value in values:
    print(told(value))
print(Size(1), Named(1, 2), Named(3, 4).total(), Size(5).h)
