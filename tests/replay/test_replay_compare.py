"""Comparing results: the first difference is the first, whatever the bytes."""

from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import Json, MemoryObjects
from os2shell.model.content import keep
from os2shell.replay.compare import (
    SHOWN_CHARACTERS,
    _first_difference,
    compare_results,
    compare_text,
    shown,
)
from tests.replay.replay_room import tree_of

FEW = st.binary(max_size=40) | st.lists(st.sampled_from([b"a", b"b", b"\n"])).map(b"".join)


@settings(database=None)  # a checkout may be read-only
@given(one=FEW, other=FEW)
def test_the_first_difference_is_the_first(one: bytes, other: bytes) -> None:
    at = _first_difference(one, other)
    assert one[:at] == other[:at]
    assert at <= min(len(one), len(other))
    assert at == min(len(one), len(other)) or one[at] != other[at]
    assert _first_difference(other, one) == at


@settings(database=None)  # a checkout may be read-only
@given(start=FEW, one=FEW, other=FEW)
def test_a_common_start_only_moves_it(start: bytes, one: bytes, other: bytes) -> None:
    at = _first_difference(one, other)
    assert _first_difference(start + one, start + other) == len(start) + at


@settings(database=None)  # a checkout may be read-only
@given(one=st.binary(max_size=60), other=st.binary(max_size=60))
def test_text_is_equal_or_told_on_one_line(one: bytes, other: bytes) -> None:
    objects = MemoryObjects()
    found = compare_text("stdout", keep(objects, one), keep(objects, other), objects)
    assert (found is None) == (one == other)
    if found:
        assert found.what.startswith("stdout, line ")
        assert (found.expected + found.got).isascii()
        assert "\n" not in found.expected + found.got


def test_the_line_is_counted_from_one() -> None:
    objects = MemoryObjects()
    found = compare_text("stderr", keep(objects, b"a\nb\nc"), keep(objects, b"a\nb\nd"), objects)
    assert found
    assert (found.what, found.expected, found.got) == ("stderr, line 3 (byte 4)", "'c'", "'d'")


def test_an_end_that_came_early_shows_nothing() -> None:
    objects = MemoryObjects()
    found = compare_text("stdout", keep(objects, b"a\nb\n"), keep(objects, b"a\n"), objects)
    assert found
    assert (found.expected, found.got) == ("'b'", "nothing")


def test_a_long_line_is_cut() -> None:
    objects = MemoryObjects()
    found = compare_text("stdout", keep(objects, b"x" * 9000), keep(objects, b""), objects)
    assert found
    assert len(found.expected) <= SHOWN_CHARACTERS + 2
    assert len(shown("y" * 900)) == SHOWN_CHARACTERS


def result(objects: MemoryObjects, **changes: Json) -> dict[str, Json]:
    plain: dict[str, Json] = {
        "code": 0,
        "cause": "exit",
        "stdout": keep(objects, b"out"),
        "stderr": keep(objects, b""),
        "tree": tree_of({"a": b"1"}, objects),
        "skipped": [],
    }
    return plain | changes


@pytest.mark.parametrize("field", ["stdout", "stderr", "code", "cause", "tree", "skipped"])
def test_no_part_of_a_result_is_left_out(field: str) -> None:
    objects = MemoryObjects()
    other: dict[str, Json] = {
        "stdout": keep(objects, b"other"),
        "stderr": keep(objects, b"other"),
        "code": 1,
        "cause": "signal",
        "tree": tree_of({"a": b"2"}, objects),
        "skipped": ["a pipe"],
    }
    assert compare_results(result(objects), result(objects), objects) is None
    changed = result(objects, **{field: other[field]})
    assert compare_results(result(objects), changed, objects) is not None


def test_output_is_told_before_ending_and_files() -> None:
    objects = MemoryObjects()
    other = result(
        objects, code=1, tree=tree_of({}, objects), stderr=keep(objects, b"Traceback"), cause="x"
    )
    found = compare_results(result(objects), other, objects)
    assert found
    assert found.what.startswith("stderr")


def test_several_files_are_counted() -> None:
    objects = MemoryObjects()
    other = result(objects, tree=tree_of({"a": b"2", "b": b"3", "c": b""}, objects))
    found = compare_results(result(objects), other, objects)
    assert found
    assert found.what == "the file a, line 1 (byte 0) and 2 more"


def test_content_kept_inline_or_apart_is_the_same_content() -> None:
    """What decides is the digest, not the form it was kept in."""
    objects = MemoryObjects()
    apart = result(objects, stdout=keep(objects, b"out", inline=0))
    assert compare_text("stdout", apart["stdout"], result(objects)["stdout"], objects) is None
    assert "data" not in cast("dict[str, Json]", apart["stdout"])
