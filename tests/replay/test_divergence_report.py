"""The report of a divergence: short, printable whatever the guest says, and complete in JSON."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import Digest, MemoryObjects, decode, encode
from os2shell.executors.guest import RunGuest
from os2shell.executors.live import LiveWorld
from os2shell.executors.sandbox import Image
from os2shell.executors.sandbox.differ import image_difference
from os2shell.model.guest import EntryKind, Limits, Tier
from os2shell.model.plain import from_json, to_json
from os2shell.model.shown import jsonable
from os2shell.model.stack import FRAMES_MOST, Stack
from os2shell.replay.engines import engine_finding
from os2shell.replay.locate import Locator
from os2shell.replay.report import run_body, run_text
from os2shell.replay.verdict import (
    Call,
    ChangedInput,
    Divergence,
    RunVerdict,
    Site,
    Verdict,
)
from tests.house import ROOT
from tests.replay.replay_room import tree_of

LINES_MOST = 25
SCHEMA = json.loads((ROOT / "os2shell" / "schemas" / "replay-1.json").read_text())
NUMBERS = st.integers(min_value=-1, max_value=1 << 31)
ARGUMENTS: dict[str, Any] = {"entry": "script", "target": "s.py", "arguments": []}


def site(**changes: Any) -> Site:
    fields: dict[str, Any] = {
        "deed": "wrote it",
        "file": "s.py",
        "line": 7,
        "function": "main",
        "source": "print(f(x))",
        "column": 6,
        "width": 4,
        "stack": tuple(Call("s.py", line, "main") for line in (7, 9, 11, 13, 15, 17, 19)),
        "extensions": (),
    }
    return Site(**(fields | changes))


def verdict(found: Divergence, kind: Verdict = Verdict.DIVERGED, inputs: int = 0) -> RunVerdict:
    changed = tuple(ChangedInput(f"f{n}", b"1" * 32, None) for n in range(min(inputs, 20)))
    return RunVerdict(
        "s2",
        3,
        "python",
        ARGUMENTS,
        "native",
        kind,
        same=False,
        divergence=found,
        inputs_changed=inputs,
        inputs=changed,
    )


def divergence(**changes: Any) -> Divergence:
    fields: dict[str, Any] = {
        "event": 3,
        "kind": "guest.run",
        "what": "stdout, line 2 (byte 14)",
        "expected": "'one'",
        "got": "'two'",
        "last": "clock.read",
        "cause": "a cause",
    }
    return Divergence(**(fields | changes))


def test_the_text_shows_the_line_and_what_of_it_is_meant() -> None:
    text = run_text(verdict(divergence(site=site(), byte=14, line=2)))
    assert text.splitlines()[1:] == [
        "         at event 3 (guest.run): stdout, line 2 (byte 14)",
        "           expected    'one'",
        "           got         'two'",
        "           wrote it    s.py, line 7, in main",
        "                       │ print(f(x))",
        "                       │       ^^^^",
        "           stack       s.py, line 9, in main",
        "                       s.py, line 11, in main",
        "                       s.py, line 13, in main",
        "                       s.py, line 15, in main",
        "                       and 2 more",
        "           last match  clock.read",
        "           likely      a cause",
    ]


def test_the_longest_report_fits_a_terminal() -> None:
    found = divergence(expected="x" * 5000, got="y" * 5000, site=site(source="z" * 160))
    lines = run_text(verdict(found, Verdict.INPUT_CHANGED, inputs=400)).splitlines()
    assert len(lines) <= LINES_MOST
    assert "           and 394 more" in lines
    assert max(len(line) for line in lines) < 200


def test_a_line_that_is_not_known_says_why() -> None:
    text = run_text(verdict(divergence(unlocated="native code wrote it")))
    assert "line        not known: native code wrote it" in text


@pytest.mark.parametrize(
    "found",
    [
        divergence(),
        divergence(site=site(), byte=0, line=1),
        divergence(site=site(source=None, column=None, width=None, extensions=("a",))),
        divergence(unlocated="why"),
    ],
    ids=["plain", "site", "sourceless", "unlocated"],
)
def test_the_json_obeys_its_schema_and_comes_back(found: Divergence) -> None:
    row = jsonable(run_body(verdict(found)))
    body = {"schema": "os2.replay/1", "session": "s2", "status": "diverged", "runs": [row]}
    jsonschema.validate(body, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert from_json(Divergence, to_json(found)) == found
    assert set(to_json(divergence())) == {
        "event", "kind", "what", "expected", "got", "last", "cause",
    }  # fmt: skip


@settings(database=None)  # a checkout may be read-only
@given(told=st.binary(max_size=400))
def test_a_stack_is_never_taken_on_trust(told: bytes) -> None:
    frames = Stack.of(told).frames
    assert len(frames) <= FRAMES_MOST
    assert Stack.of(told).place in {*frames, None}


@settings(database=None)  # a checkout may be read-only
@given(frames=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, st.text(), st.text()), max_size=30))
def test_a_stack_comes_back_as_it_was_told(
    frames: list[tuple[int, int, int, str, str]],
) -> None:
    words = [str(part).replace("\0", "?") for frame in frames for part in frame]
    told = "\0".join(words).encode("utf-8", "backslashreplace")
    found = Stack.of(told).frames
    assert [frame.line for frame in found] == [frame[0] for frame in frames[:FRAMES_MOST]]


FRAME = st.tuples(
    st.integers(-2, 5) | st.integers(),
    st.integers(-2, 40),
    st.integers(-2, 40),
    st.text(),
    st.sampled_from(["/w/s.py", "/w/none.py", "<string>", "/py/lib/a.py"]) | st.text(),
)


@settings(database=None)  # a checkout may be read-only
@given(frames=st.lists(FRAME, max_size=4), source=st.text(max_size=200))
def test_what_a_guest_tells_is_made_fit_to_print(
    frames: list[tuple[int, int, int, str, str]], source: str
) -> None:
    objects = MemoryObjects()
    tree = tree_of({"s.py": source.encode("utf-8", "replace")}, objects)
    run = RunGuest(
        "python", Tier.NATIVE, EntryKind.CODE, source, (), tree, b"", 0,
        Limits(1, 1, 1, 1, 1, 1, 1), (), (), raw=False,
    )  # fmt: skip
    told = "\0".join(str(part) for frame in frames for part in frame)
    stack = Stack.of(told.encode("utf-8", "surrogatepass"))
    located = Locator(LiveWorld({}), objects).asked(run, stack)
    found = divergence(site=located.site, unlocated=located.unlocated)
    text = run_text(verdict(found))
    assert all(line.isprintable() for line in text.split("\n"))
    assert len(text.splitlines()) <= LINES_MOST
    row = jsonable(run_body(verdict(found)))
    body = {"schema": "os2.replay/1", "session": "s2", "status": "diverged", "runs": [row]}
    jsonschema.validate(body, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert decode(encode(to_json(found))) == to_json(found)


def image(home: Path, digest: str, files: dict[str, str], version: str = "3.11.7") -> Image:
    """A folder as the image cache has it."""
    (home / "root").mkdir(parents=True)
    for name, text in files.items():
        path = home / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    about = {"digest": digest, "names": "\0".join([".", *files]), "interpreter": version}
    (home / "manifest.json").write_text(json.dumps(about))
    return Image(digest, home / "root", version, "/py/bin/python3")


@pytest.mark.parametrize(
    ("now", "version", "told"),
    [
        ({"py/a.py": "1", "os2/g.py": "2"}, "3.11.7", "guest runtime of another os2 version (1 "),
        ({"py/a.py": "1"}, "3.12.1", "recorded under CPython 3.11.7, here is 3.12.1"),
        ({"os2/g.py": "1"}, "3.11.7", "libraries differ (1 files); missing here: py/a.py"),
        ({"py/a.py": "2", "os2/g.py": "1"}, "3.11.7", "(1 files); changed: py/a.py"),
        ({"py/a.py": "1", "os2/g.py": "1", "py/b": ""}, "3.11.7", "(1 files); new here: py/b"),
    ],
    ids=["runtime", "version", "missing", "changed", "added"],
)
def test_an_engine_s_difference_is_named(
    tmp_path: Path, now: dict[str, str], version: str, told: str
) -> None:
    recorded, present = b"\1" * 32, b"\2" * 32
    image(tmp_path / "one", recorded.hex(), {"py/a.py": "1", "os2/g.py": "1"})
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "manifest.json").write_text("{")
    here = image(tmp_path / "two", present.hex(), now, version)
    found = engine_finding(
        recorded, "3.11.7", present, lambda one: image_difference(tmp_path, one.hex(), here)
    )
    assert told in found.cause
    assert found.expected == f"3.11.7, image {recorded.hex()}"
    assert found.got == f"{version}, image {present.hex()}"


def test_an_engine_that_is_gone_cannot_be_compared(tmp_path: Path) -> None:
    here = image(tmp_path / "two", "22", {})
    found = engine_finding(
        b"\1", "3.11.7", b"\2", lambda one: image_difference(tmp_path, Digest(one).hex(), here)
    )
    assert "no longer in the cache" in found.cause
