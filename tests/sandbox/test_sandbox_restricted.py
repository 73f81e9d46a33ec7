"""The restricted tier: a pleasant subset, and the published ways out of it, closed.

Most bypasses run in one sandbox: a native program takes the tier's own modules and gives each
attempt a world of its own. Some go the whole way through a restricted run as well.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from os2shell.executors.sandbox import EntryKind, Tier
from os2shell.executors.sandbox.guest.facades import PUBLIC
from tests.sandbox.guests import Ran, Run

IMPORTS = tuple(sorted(PUBLIC))
PROGRAMS = Path(__file__).parent / "restricted"
ATTEMPTS = json.loads((PROGRAMS / "bypasses.json").read_text())
HARNESS = """
import json, sys
sys.path.insert(0, "/os2")
from os2guest import imports, offered, policy
from os2guest.facades import Importer, PUBLIC, public
from os2guest.guards import guarded_getattr, is_metaclass
"""
TRY_ALL = (
    HARNESS
    + """
def attempt(code):
    try:
        made, offences = policy.compiled(code, "<string>", "exec")
        if offences:
            return "refused: " + offences[0].rule
        importer = Importer(imports.Rules(list(PUBLIC)), imports.Record(), None)
        exec(made, offered.namespace(importer))
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return "ran to its end"

real = sys.stdout
results = {}
for code in json.load(open("bypasses.json")):
    results[code] = attempt(code)
print("RESULTS" + json.dumps(results))
"""
)
WALK = (
    HARNESS
    + """
from types import CodeType, FrameType, ModuleType, TracebackType, MethodDescriptorType, BuiltinMethodType

seen, found, kept = set(), [], []

def look(value, path, depth):
    closed = isinstance(value, (ModuleType, CodeType, FrameType, TracebackType)) or is_metaclass(value)
    raw = isinstance(value, (MethodDescriptorType, BuiltinMethodType)) and value.__name__ in ("format", "format_map")
    if closed or raw and isinstance(getattr(value, "__self__", ""), str):
        found.append(path)
    if depth == 0 or id(value) in seen or isinstance(value, (int, str, float)):
        return
    seen.add(id(value))
    kept.append(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        for each in value:
            look(each, path + "[]", depth - 1)
        return
    if isinstance(value, dict):
        for key, each in value.items():
            look(key, path + ".key", depth - 1)
            look(each, path + ".value", depth - 1)
        return
    for name in dir(value):
        try:
            inner = guarded_getattr(value, name)
        except Exception:
            continue
        look(inner, path + "." + name, depth - 1)

for name in PUBLIC:
    for key, value in public(name).items():
        look(value, name + "." + key, 5)
from collections import *
import datetime, decimal, json, random, re, string, functools
for sample in (
    Counter("ab"), defaultdict(list), deque([1]), OrderedDict(a=1), decimal.getcontext(), json.JSONDecoder(),
    json.JSONEncoder(), random.Random(), re.compile("a").match("a"), string.Template("$a"), functools.partial(print),
    datetime.datetime.now(), (x for x in "a"), print, len, [], {}, "", b"", property(len), AttributeError("a"),
):
    look(sample, type(sample).__name__, 4)
print(len(seen), found)
"""
)


@pytest.mark.parametrize("program", ["pleasant", "matching", "modules"])
def test_the_subset_is_pleasant(ran: Run, program: str) -> None:
    source = (PROGRAMS / f"{program}.pyvm").read_text()
    result = ran(source, tier=Tier.RESTRICTED, imports=IMPORTS)
    assert result.err == ""
    assert result.out == (PROGRAMS / f"{program}.out").read_text()
    native = ran(source)
    assert (native.err, native.out) == ("", result.out)


def test_every_bypass_is_closed(ran: Run) -> None:
    files = {"bypasses.json": json.dumps(ATTEMPTS).encode()}
    result = ran(TRY_ALL, files=files)
    printed, _, results = result.out.rpartition("RESULTS")
    assert "escaped" not in printed
    told = json.loads(results)
    assert len(told) == len(ATTEMPTS)
    assert [code for code, how in told.items() if how == "ran to its end"] == []
    mistakes = ("SyntaxError", "IndentationError", "RecursionError", "MemoryError")
    assert [code for code, how in told.items() if how.startswith(mistakes)] == []


def test_nothing_closed_can_be_reached_by_public_names(ran: Run) -> None:
    result = ran(WALK, limits={"output_bytes": 1 << 16})
    count, _, found = result.out.partition(" ")
    assert found.strip() == "[]", result.err
    assert int(count) > 1000


@pytest.mark.parametrize("code", ATTEMPTS[::20])
def test_bypass_is_closed_in_a_run(ran: Run, code: str) -> None:
    result = ran(code, tier=Tier.RESTRICTED, imports=IMPORTS)
    assert result.exit.code == 1
    assert "escaped" not in result.out
    assert "/os2/" not in result.err


@pytest.mark.parametrize(
    ("code", "out"), [("1+1", "2\n"), ("None", ""), ("x = 3\nprint(x)", "3\n"), ("'a'", "'a'\n")]
)
def test_eval_shows_a_value_and_takes_statements(ran: Run, code: str, out: str) -> None:
    assert ran(code, tier=Tier.RESTRICTED, entry=EntryKind.EVAL).out == out


def test_offence_is_named_with_its_line_and_a_way(ran: Run) -> None:
    result = ran("x = 1\nx.__class__\nasync def f(): pass", tier=Tier.RESTRICTED)
    assert result.exit.code == 1
    assert result.err == (
        'pyvm: <string>:2: not allowed: "__class__" is an attribute that starts with "_"\n'
        "    x.__class__\n"
        "  instead: type(x) gives the class\n"
        "pyvm: <string>:3: not allowed: `async def` statements are not allowed.\n"
        "    async def f(): pass\n"
        "  instead: run it in the native tier (python)\n"
    )


def test_closed_builtin_names_the_alternative(ran: Run) -> None:
    result = ran("open('x')", tier=Tier.RESTRICTED)
    assert result.err.splitlines()[-1].startswith("NameError: open() is closed to restricted")
    assert "native tier" in result.err


def test_script_of_the_restricted_tier_reads_its_input(ran: Run) -> None:
    files = {"s.py": b"print(input() * 2)"}
    result = ran("s.py", files=files, stdin=b"ab\n", tier=Tier.RESTRICTED, entry=EntryKind.SCRIPT)
    assert result.out == "abab\n"


def test_a_restricted_run_is_the_same_twice(ran: Callable[..., Ran]) -> None:
    code = "import random\nprint(random.random(), {object(): 1, 'a': 2}, id([]))"
    first, second = (ran(code, tier=Tier.RESTRICTED, imports=IMPORTS) for _ in range(2))
    assert first.out == second.out != ""
