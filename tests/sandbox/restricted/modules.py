from __future__ import annotations

import bisect, copy, functools, heapq, itertools, math, operator, random, re, statistics, string, textwrap
from abc import ABC, abstractmethod
from collections import ChainMap, Counter, OrderedDict, UserDict, deque
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, getcontext, localcontext
from enum import Enum, Flag, IntEnum, auto
from fractions import Fraction
from hashlib import sha256
from typing import Any, Generic, Optional, Protocol, TypedDict, TypeVar

T = TypeVar("T")


class Shape(ABC):
    @abstractmethod
    def area(self) -> float: ...


class Square(Shape):
    def __init__(self, side: float) -> None:
        self.side = side

    def area(self) -> float:
        return self.side**2

    @functools.cached_property
    def slow(self):
        print("computed")
        return self.side * 100


class Box(Generic[T]):
    def __init__(self, item: T) -> None:
        self.item = item

    def get(self) -> Optional[T]:
        return self.item


class HasArea(Protocol):
    def area(self) -> float: ...


class Movie(TypedDict):
    name: str


@functools.total_ordering
class Version:
    def __init__(self, n):
        self.n = n

    def __eq__(self, other):
        return self.n == other.n

    def __lt__(self, other):
        return self.n < other.n


@contextmanager
def tagged(name):
    print("<", name)
    yield name.upper()
    print(">", name)


class Perm(Flag):
    R = auto()
    W = auto()


def area_of(shape: HasArea, extra: dict[str, Any] | None = None) -> float:
    return shape.area()


try:
    Shape()
except TypeError:
    print("abstract")
s = Square(3)
print(area_of(s), s.slow, s.slow, Box("i").get(), Movie(name="m"), Version(1) <= Version(2), max(Version(1), Version(3)).n)
with tagged("t") as name, suppress(KeyError), ExitStack() as stack:
    stack.callback(print, "callback")
    print(name)
    {}["missing"]
print(Perm.R | Perm.W, Perm.R in (Perm.R | Perm.W), [*Enum("Planet", "EARTH MARS")], IntEnum("N", {"A": 3}).A + 1)
print(sorted([(2, "b"), (1, "c")], key=operator.itemgetter(1)), operator.attrgetter("side")(s), operator.methodcaller("area")(s))
print(re.sub(r"\d+", lambda m: str(int(m.group()) * 2), "a1b22"), re.findall("[a-z]+", "ab cd"), re.match(r"(?P<y>\d+)", "12x")["y"])
print(Decimal("1.1") + Decimal("2.2"), Fraction(1, 3) + 1, statistics.mean([1, 2, 3]), math.isqrt(17), statistics.NormalDist(0, 1).cdf(0))
with localcontext() as ctx:
    ctx.prec = 5
    print(Decimal(1) / 3)
getcontext().prec = 4
print(Decimal(2) / 3, datetime(2024, 1, 2, tzinfo=timezone.utc) + timedelta(days=30), date(2024, 2, 29).strftime("%d %b"))
print(string.Template("$a and ${b}").substitute(a=1, b=2), textwrap.shorten("word " * 9, 20), string.capwords("a b"))
heap = [3, 1, 2]
heapq.heapify(heap)
print(heapq.heappop(heap), bisect.bisect([1, 2, 4], 3), list(itertools.chain("ab", [1])), list(itertools.islice(itertools.count(5), 2)))
print(list(ChainMap({"a": 1}, {"b": 2})), Counter("aab").most_common(1), deque([1, 2], maxlen=2), OrderedDict(a=1).popitem(), UserDict(a=1)["a"])
print(copy.deepcopy({"a": [1]}), isinstance([], Iterable), isinstance({}, Mapping), sha256(b"x").hexdigest()[:8], random.Random(7).random() < 1)
random.seed(3)
first = random.sample(range(100), 3)
random.seed(3)
print(first == random.sample(range(100), 3), random.choice([1]), len(random.choices("ab", k=4)))
