"""Likely causes: which rule tells what, from both sides of a difference alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import MemoryObjects
from os2shell.model.content import keep
from os2shell.replay.causes import DEFAULT, likely, of_changed_input
from os2shell.replay.compare import Difference, compare_text
from os2shell.replay.verdict import Call, Site

SITE = Site("wrote it", "s.py", 1, "<module>", "x()", 0, 3, (Call("s.py", 1, "<module>"),), ())


def difference(one: bytes, other: bytes) -> Difference:
    objects = MemoryObjects()
    found = compare_text("stdout", keep(objects, one), keep(objects, other), objects)
    assert found
    return found


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (b"<A object at 0x7f12a0b1c2d0>", b"<A object at 0x7f99a0b1c2d0>", "address in memory"),
        (b"{<B>, <A>, 'c'}", b"{'c', <B>, <A>}", "the same items in another order"),
        (b"one\ntwo\n", b"two\none\n", "the same lines in another order"),
        (b"0.30000000000000004", b"0.30000000000000010", "last digits"),
        (b"at 1763712000.25", b"at 1763712999.75", "large numbers differ"),
        (b"ticks 98123412341", b"ticks 98123999999", "large numbers differ"),
        (b"id f47ac10b-58cc-4372", b"id 9b2e4d1c-aa01-4f3e", "random bytes"),
        (b"rolled 3", b"rolled 5", "only numbers differ"),
        (b"a\nb\n", b"a\n", "the program wrote less"),
        (b"a\n", b"a\nb\n", "the program wrote more"),
        (b"yes", b"no", DEFAULT),
    ],
)
def test_what_it_looks_like(one: bytes, other: bytes, told: str) -> None:
    assert told in likely(difference(one, other), None)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (b"", b"ModuleNotFoundError: No module named 'numpy'\n", "No module named 'numpy'"),
        (b"", b"ImportError: cannot import name 'x' from 'y'\n", "cannot import name 'x'"),
        (b"", b"KeyError: 1\n", "raised KeyError, which it did not when recorded"),
        (b"KeyError: 1\n", b"", "did not raise KeyError, which it did when recorded"),
        (b"a.b.KeyError: 1\n", b"OSError: 2\n", "raised OSError, and a.b.KeyError when recorded"),
    ],
)
def test_what_the_program_says_itself_comes_first(before: bytes, after: bytes, told: str) -> None:
    for found in (
        Difference("the exit code", "0", "1", "end", errors=(before, after)),
        Difference("stdout, …", "", "", "", 0, 1, b"1", b"2", errors=(before, after)),
    ):
        assert told in likely(found, SITE)
        assert told in of_changed_input(found)


def test_native_code_is_named_beside_the_cause() -> None:
    native = Site("wrote it", "s.py", 1, "f", None, None, None, (), ("ticks", "fast._core"))
    told = likely(difference(b"1", b"2"), native)
    assert told.endswith("native code that nothing watches: ticks, fast._core")
    assert "native" not in likely(difference(b"1", b"2"), SITE)


def test_changed_inputs_are_the_cause_of_anything_else() -> None:
    assert of_changed_input(difference(b"1", b"2")) == "the inputs listed beside it changed"


TEXT = st.binary(max_size=80) | st.text(max_size=80).map(
    lambda text: text.encode("utf-8", "replace")
)


@settings(database=None)  # a checkout may be read-only
@given(one=TEXT, other=TEXT, errors=st.tuples(TEXT, TEXT))
def test_there_is_always_a_cause_fit_to_print(
    one: bytes, other: bytes, errors: tuple[bytes, bytes]
) -> None:
    if one == other:
        return
    plain = difference(one, other)
    found = Difference(
        plain.what,
        plain.expected,
        plain.got,
        plain.place,
        plain.byte,
        plain.line,
        one,
        other,
        errors,
    )
    told = likely(found, SITE)
    assert told
    assert told.isprintable()
