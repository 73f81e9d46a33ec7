import collections, enum, functools, json, math
from dataclasses import dataclass, field


@dataclass
class Point:
    x: int
    y: int = 3
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True, order=True, slots=True)
class Pair:
    a: int
    b: "int | None" = None


class Colour(enum.Enum):
    RED = 1
    BLUE = enum.auto()


class Base:
    shared = []

    def __init__(self, n):
        self.n = n

    def __eq__(self, other):
        return type(other) is type(self) and other.n == self.n

    def __hash__(self):
        return hash(self.n)


class Derived(Base):
    def __init__(self, n):
        super().__init__(n)
        self.k = 1
        self.k += 5

    def __repr__(self):
        return f"D({self.n},{self.k})"

    def __getitem__(self, i):
        return self.n * i

    def __iter__(self):
        yield from range(self.n)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        return kind is ValueError

    @property
    def double(self):
        return self.n * 2

    @double.setter
    def double(self, value):
        self.n = value // 2

    @staticmethod
    def fixed(*a, **k):
        return sorted(a), k

    @classmethod
    def made(cls, n):
        return cls(n)


class Mine(dict):
    def __missing__(self, key):
        return key * 2

    def __setitem__(self, key, value):
        super().__setitem__(key, value + 1)


d = {"a": 1}
d["a"] += 1
d.update({"b": 2}, c=3)
del d["c"]
c = collections.Counter("hello")
c["l"] += 1
groups = collections.defaultdict(list)
groups["x"].append(1)
rows = [[0] * 2 for _ in range(2)]
rows[1][0] = 7
rows[1][0] -= 2
rows[0][:] = [8, 9]


def outer():
    n = 0

    def inner():
        nonlocal n
        n += 1
        return n

    inner()
    return inner()


count = 0


def bump():
    global count
    count += 1
    return count


def twice(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) * 2

    return wrapper


@twice
def add(a, b=1, /, *rest, scale: float = 1.0, **more) -> float:
    "Adds."
    return (a + b + sum(rest)) * scale


@functools.lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


try:
    1 / 0
except ZeroDivisionError as e:
    print("caught", e, type(e).__name__)
else:
    print("no")
finally:
    print("at last")
try:
    try:
        raise KeyError("k")
    except KeyError as error:
        raise ValueError("v") from error
except (ValueError, TypeError) as error:
    print(repr(error), error.args)
with Derived(2) as managed, Derived(1):
    raise ValueError
x: int = 5
xs: "list[int]" = [3, 1, 2]
a, (b, *rest) = 1, (2, 3, 4)
first, *middle, last = range(5)
m = Mine()
m["q"] = 1
derived = Derived(4)
derived.double = 20
print(d, c["l"], dict(groups), rows, Point(1), Pair(1) < Pair(2, 3), Colour.RED, Colour["BLUE"].value, [*Colour])
print(Derived(3), derived.double, derived[2], list(Derived(3)), Derived.made(1).fixed(3, 1, z=2), Derived(1) == Derived(1))
print(outer(), bump(), bump(), add(1, 2, 3, scale=2), add.__name__, add.__doc__, fib(50), m["q"], m["zz"])
print([p + q for p, q in [(1, 2)]], a, b, rest, first, middle, last, "{0.x:>3} {1[a]} {x!r:>4}".format(Point(7), d, x="s"))
print({k: v for k, v in zip("ab", range(2))}, {i % 2 for i in range(4)}, sum(i for i in range(10) if i % 2), *map(str, xs), sep="|")
print(f"{math.pi:.3f} {x=} {'nested ' + str(x):>10}", "%s %d" % ("a", 3), "{:>5}|{:.2f}".format("a", 1.5), 1 < x <= 5 != 6)
print((y := x + 1), y, xs[::-1], xs[1:], "abc"[-1], b"abc"[1:], sorted(xs, key=lambda v: -v), min(xs), max(xs, default=0))
print(any([0, 1]), all([]), list(enumerate("ab", 1)), list(filter(None, [0, 1])), list(reversed(xs)), int("7"), float("1.5"), str(1) + "x")
print(isinstance(1, int), isinstance(int, type), type(1), type(Derived(1)) is Derived, issubclass(Derived, Base), callable(len), hasattr(d, "keys"), getattr(derived, "nope", 9))
print("a,b".split(","), "-".join("xy"), " s ".strip(), "Abc".swapcase(), "{a}".format_map({"a": 1}), "x".encode().decode(), end="!\n")
print(functools.reduce(lambda p, q: p * q, [1, 2, 3, 4]), functools.partial(add, 1)(1), list(map("{:02d}".format, [1, 2])))
assert x == 5, "five"
i = 0
while True:
    i += 1
    if i == 2:
        continue
    if i > 3:
        break
else:
    print("never")


def gen():
    got = yield 1
    print("got", got)
    yield 2
    return 3


g = gen()
print(next(g), g.send("s"), next(g, "end"))
print((lambda *a, k=1, **o: (a, k, o))(1, 2, k=3, z=4), (lambda: (yield))().send(None))
bump.calls = 3
setattr(derived, "late", 1)
delattr(derived, "late")
del derived.k
print(bump.calls, hasattr(derived, "k"), 3 if x else 4, not x, -x, ~x, x ** 2, x // 2, x @ 1 if False else x % 3, x & 1 | 2 ^ 3, None is None)
if __name__ == "__main__":
    print(json.dumps(d), json.loads('{"a": [1, 2.5, null]}'), x)
