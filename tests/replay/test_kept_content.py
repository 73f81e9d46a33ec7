"""Content: kept inline or apart, it comes back whole, and everything referred to is found."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import Json, LedgerError, MemoryObjects, decode, digest, encode, referred
from os2shell.model.content import INLINE_BYTES, fetch, keep
from os2shell.model.errors import Broken


@settings(database=None)  # a checkout may be read-only
@given(data=st.binary(max_size=64), inline=st.integers(0, 64))
def test_what_is_kept_is_fetched(data: bytes, inline: int) -> None:
    objects = MemoryObjects()
    content = keep(objects, data, inline=inline)
    assert fetch(objects, content) == data
    assert (content["size"], content["digest"]) == (len(data), digest(data))
    assert ("data" in content) == (len(data) <= inline)
    assert objects.has(digest(data)) == (len(data) > inline)
    assert fetch(objects, decode(encode(content))) == data


@pytest.mark.parametrize("size", [0, INLINE_BYTES - 1, INLINE_BYTES, INLINE_BYTES + 1])
def test_the_border_of_inline(size: int) -> None:
    content = keep(MemoryObjects(), b"x" * size)
    assert ("data" in content) == (size <= INLINE_BYTES)


@settings(database=None)  # a checkout may be read-only
@given(data=st.binary(max_size=32), other=st.binary(max_size=32))
def test_inline_content_is_held_against_its_digest(data: bytes, other: bytes) -> None:
    forged: dict[str, Json] = {**keep(MemoryObjects(), data), "data": other}
    if data == other:
        assert fetch(MemoryObjects(), forged) == data
    else:
        with pytest.raises(Broken):
            fetch(MemoryObjects(), forged)


def test_missing_content_is_an_error_of_the_ledger() -> None:
    content = keep(MemoryObjects(), b"x" * 2000)
    with pytest.raises(LedgerError):
        fetch(MemoryObjects(), content)


@pytest.mark.parametrize("content", [None, 1, b"", [], {}, {"size": 1}, {"digest": "text"}])
def test_other_forms_are_refused(content: Json) -> None:
    with pytest.raises(Broken):
        fetch(MemoryObjects(), content)


def bodies(contents: "st.SearchStrategy[Any]") -> "st.SearchStrategy[Any]":
    return st.recursive(
        contents | st.none() | st.integers(0, 9) | st.binary(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["a", "b", "trace"]), inner, max_size=3)
        ),
        max_leaves=12,
    )


@settings(database=None)  # a checkout may be read-only
@given(st.data())
def test_everything_referred_to_is_found_at_any_depth(draw: st.DataObject) -> None:
    objects = MemoryObjects()
    large: set[bytes] = set()

    def kept(data: bytes) -> dict[str, Json]:
        content = keep(objects, data, inline=4)
        if "data" not in content:
            large.add(digest(data))
        return content

    body = draw.draw(bodies(st.binary(max_size=8).map(kept)))
    found = referred(body)
    assert found <= large
    for name in large:
        assert (name in found) == (repr(name) in repr(body))
