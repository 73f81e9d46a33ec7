"""The restricted tier: a pleasant subset, and the published ways out of it, closed."""

import pytest

from os2shell.executors.sandbox import EntryKind, Tier
from tests.sandbox.guests import Run

IMPORTS = [
    "collections",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "json",
    "math",
    "os",
    "random",
    "re",
    "statistics",
    "string",
    "time",
    "typing",
]
PLEASANT = """
import collections, enum, functools, json, math
from dataclasses import dataclass, field

@dataclass
class Point:
    x: int
    y: int = 3
    tags: list = field(default_factory=list)

class Colour(enum.Enum):
    RED = 1

class Base:
    def __init__(self, n): self.n = n

class Derived(Base):
    def __init__(self, n):
        super().__init__(n)
        self.k = 1
        self.k += 5
    def __repr__(self): return f"D({self.n},{self.k})"
    @property
    def double(self): return self.n * 2

d = {"a": 1}
d["a"] += 1
c = collections.Counter("hello")
c["l"] += 1

def outer():
    n = 0
    def inner():
        nonlocal n
        n += 1
        return n
    inner()
    return inner()

@functools.wraps(outer)
def wrapped(*a, **k): return outer(*a, **k)

try:
    1 / 0
except ZeroDivisionError as e:
    print("caught", e)
x: int = 5
a, (b, *rest) = 1, (2, 3, 4)
print(d, c["l"], Point(1), Colour.RED, Derived(3), Derived(4).double, outer(), wrapped())
print([p + q for p, q in [(1, 2)]], a, b, rest, "{0.x:>3} {1[a]}".format(Point(7), d), math.pi)
if __name__ == "__main__":
    print(json.dumps(d), sorted([2, 1]), x)
"""
BYPASSES = [
    "().__class__",
    "object.__subclasses__()",
    "'{0.__class__}'.format(1)",
    "'{x.__class__}'.format_map({'x': 1})",
    "str.format('{0.__class__}', 1)",
    "sorted([1], key='{0.__class__}'.format)",
    "class S(str): pass\nS('{0.__class__}').format(1)",
    "import string\nstring.Formatter().format('{0.__class__}', 1)",
    "import collections\ncollections.UserString('{0.__class__}').format(1)",
    "getattr(1, '__class__')",
    "list(map(getattr, [print], ['__self__']))",
    "class N(str):\n    def startswith(self, x): return False\ngetattr(1, N('__class__'))",
    "(x for x in [1]).gi_frame.f_back",
    "getattr((x for x in [1]), 'gi_frame')",
    "def g():\n    yield 1\ng().gi_code",
    "try:\n    1 / 0\nexcept Exception as e:\n    e.__traceback__.tb_frame",
    "try:\n    1 / 0\nexcept* ZeroDivisionError as e:\n    pass",
    "_getattr_ = getattr",
    "def f(_getattr_, /): pass",
    "lambda _write_, /: 1",
    "import json as _getattr_",
    "[__class__ for __class__ in [1]]",
    "x: (1).__class__ = 2",
    "def f(a: (1).__class__): pass",
    "import os\nos.system('id')",
    "from os import path",
    "import json\njson.codecs.builtins.open",
    "import json\njson.decoder.scanner",
    "import random\nrandom._os",
    "import statistics\nstatistics.random.os",
    "import enum\nenum.sys",
    "from functools import singledispatch",
    "import functools\nfunctools.update_wrapper(print, print, assigned=('__self__',))",
    "from typing import get_type_hints",
    "import dataclasses\ndataclasses.make_dataclass('X', [], namespace={'__getattr__': print})",
    "class A(metaclass=type): pass",
    "class M(type(int)): pass",
    "type('X', (), {})",
    "async def f(): pass",
    "match 1:\n    case int(__class__=c): pass",
    "class A:\n    def __getattribute__(self, n): pass",
    "class A:\n    __class__ = int",
    "__import__('os')",
    "__builtins__",
    "exec('1')",
    "eval('1')",
    "open('/etc/passwd')",
    "import math\nmath.pi = 3",
    "setattr(print, 'x', 1)",
    "import socket",
]


def test_the_subset_is_pleasant(ran: Run) -> None:
    result = ran(PLEASANT, tier=Tier.RESTRICTED, imports=tuple(IMPORTS))
    assert result.err == ""
    assert result.out == (
        "caught division by zero\n"
        "{'a': 2} 3 Point(x=1, y=3, tags=[]) Colour.RED D(3,6) 8 2 2\n"
        "[3] 1 2 [3, 4]   7 2 3.141592653589793\n"
        '{"a": 2} [1, 2] 5\n'
    )


@pytest.mark.parametrize("code", BYPASSES)
def test_bypass_is_closed(ran: Run, code: str) -> None:
    result = ran(code, tier=Tier.RESTRICTED, imports=tuple(IMPORTS))
    assert result.exit.code == 1
    assert result.out == ""
    assert "/os2/" not in result.err


@pytest.mark.parametrize(
    ("code", "out"), [("1+1", "2\n"), ("None", ""), ("x = 3\nprint(x)", "3\n"), ("'a'", "'a'\n")]
)
def test_eval_shows_a_value_and_takes_statements(ran: Run, code: str, out: str) -> None:
    assert ran(code, tier=Tier.RESTRICTED, entry=EntryKind.EVAL).out == out


def test_offence_is_named_with_its_line(ran: Run) -> None:
    result = ran("x = 1\nx.__class__", tier=Tier.RESTRICTED)
    assert result.err == (
        'pyvm: <string>:2: not allowed: "__class__" is an attribute that starts with "_"\n'
        "    x.__class__\n"
        "  instead: type(x) gives the class\n"
    )


def test_script_of_the_restricted_tier_reads_its_input(ran: Run) -> None:
    files = {"s.py": b"print(input() * 2)"}
    result = ran("s.py", files=files, stdin=b"ab\n", tier=Tier.RESTRICTED, entry=EntryKind.SCRIPT)
    assert result.out == "abab\n"
