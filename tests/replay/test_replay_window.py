"""The window: equal entries give the recorded records; the first other one ends the replay."""

from dataclasses import replace

import pytest

from ledger import Entry, Head, MemoryObjects, MemoryStore, Record, TokenSignatureLedger
from os2shell.replay.verdict import Divergence, ReplayStopped, Verdict
from os2shell.replay.window import Window

ENTRIES = (
    Entry("first", {"n": 1, "data": b"\x01"}, "s1", "me", "local"),
    Entry("second", {"n": 2}, "s1", "me", "local"),
)


@pytest.fixture
def recorded() -> tuple[Record, ...]:
    ledger = TokenSignatureLedger(MemoryStore(), clock=lambda: 10**18, node="elsewhere")
    return ledger.append(Entry("before", {}), *ENTRIES)[1:]


@pytest.fixture
def window(recorded: tuple[Record, ...]) -> Window:
    return Window(Head(recorded[0].seq, recorded[0].digest, b""), recorded, MemoryObjects())


def stopped(window: Window, entry: Entry) -> Divergence:
    with pytest.raises(ReplayStopped) as caught:
        window.append(entry)
    assert caught.value.verdict is Verdict.DIVERGED
    return caught.value.divergence


def test_equal_entries_are_the_recorded_ones(window: Window, recorded: tuple[Record, ...]) -> None:
    assert window.append(ENTRIES[0], expected=1) == recorded[:1]
    assert window.append(ENTRIES[1]) == recorded[1:]
    assert (window.head.size, window.refresh().size, list(window.read())) == (1, 1, [])


def test_a_group_is_compared_one_by_one(window: Window, recorded: tuple[Record, ...]) -> None:
    assert window.append(*ENTRIES) == recorded


def test_attribute_order_does_not_matter(window: Window) -> None:
    window.append(replace(ENTRIES[0], attributes={"data": b"\x01", "n": 1}))


@pytest.mark.parametrize(
    ("entry", "what", "expected", "got"),
    [
        (replace(ENTRIES[0], kind="other"), "kind", "first", "other"),
        (replace(ENTRIES[0], session="s2"), "session", "s1", "s2"),
        (replace(ENTRIES[0], actor="you"), "actor", "me", "you"),
        (replace(ENTRIES[0], token="job"), "token", "local", "job"),
        (replace(ENTRIES[0], attributes={"n": 5, "data": b"\x01"}), "n", "1", "5"),
        (replace(ENTRIES[0], attributes={"n": 1}), "data", "01", "None"),
        (replace(ENTRIES[0], attributes={**ENTRIES[0].attributes, "new": 1}), "new", "None", "1"),
    ],
)
def test_the_first_difference_is_named(
    window: Window, entry: Entry, what: str, expected: str, got: str
) -> None:
    found = stopped(window, entry)
    assert found.what == f"record 1, {what}"
    assert (found.kind, found.expected, found.got) == ("first", expected, got)


def test_a_bool_is_not_a_number(window: Window) -> None:
    """``True == 1`` in Python, but the recorded bytes differ."""
    stopped(window, replace(ENTRIES[0], attributes={"n": True, "data": b"\x01"}))


def test_a_record_too_many(window: Window) -> None:
    window.append(*ENTRIES)
    found = stopped(window, Entry("third", {"n": 3}))
    assert (found.kind, found.what) == ("third", "a record that was not recorded")
    assert (found.expected, found.got) == ("no further record", "n=3")
