"""Many bodies at once give what one after another gives, and never more."""

from dataclasses import dataclass
from enum import StrEnum

import msgpack
import ormsgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import CanonicalError, Entry, LedgerError, body_of, decode, encode
from ledger.chain.group import Group
from ledger.form import batch
from ledger.form.canonical import Digest
from ledger.form.record import fields

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXT | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ATTRIBUTES = st.dictionaries(TEXT, VALUES, max_size=4)
LARGE = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
"""Each example holds some twenty entries."""
DIGESTS = st.none() | st.binary(min_size=32, max_size=32)


def bodies_of(count: int, **changes: object) -> list[bytes]:
    entry = Entry("k", {"n": 1, "text": "x"})
    return [body_of(entry, seq=n, hlc=n + 1, node="n") for n in range(count)]


def rows_of(bodies: list[bytes]) -> list[list[object]]:
    found = batch.checked(bodies)
    assert found is not None
    assert list(found.seqs) == [row[1] for row in found.rows]
    assert list(found.times) == [row[2] for row in found.rows]
    return found.rows


@given(ATTRIBUTES, TEXT, DIGESTS, DIGESTS)
def test_both_codecs_write_the_same_body(
    attributes: dict[str, object], text: str, payload: bytes | None, commitment: bytes | None
) -> None:
    entry = Entry("kind", attributes, text, text, text, payload, commitment)  # type: ignore[arg-type]
    body = body_of(entry, seq=7, hlc=9, node=text)
    fast = [1, 7, 9, text, text, text, text, "kind", attributes, payload, commitment]
    assert body == encode(fast)  # type: ignore[arg-type]
    assert fields(body) == decode(body) == fast


@LARGE
@given(st.lists(ATTRIBUTES, min_size=batch.LEAST, max_size=30))
def test_a_batch_is_each(many: list[dict[str, object]]) -> None:
    bodies = [
        body_of(Entry("k", attributes), seq=n, hlc=n + 1, node="n")  # type: ignore[arg-type]
        for n, attributes in enumerate(many)
    ]
    assert rows_of(bodies) == [fields(body) for body in bodies]


@LARGE
@given(st.lists(ATTRIBUTES, min_size=batch.LEAST, max_size=30), TEXT, DIGESTS, DIGESTS)
def test_what_is_made_at_once_is_what_each_makes(
    many: list[dict[str, object]], text: str, payload: bytes | None, commitment: bytes | None
) -> None:
    entries = [
        Entry("k", attributes, text, text, text, payload, commitment)  # type: ignore[arg-type]
        for attributes in many
    ]
    times = range(9, 9 + len(entries))
    made = batch.encoded(entries, 5, times, text)
    each = [body_of(entry, 5 + n, times[n], text) for n, entry in enumerate(entries)]
    flat = all(
        type(value) not in {dict, list} for attributes in many for value in attributes.values()
    )
    assert made == each if flat else made is None


class Text(str):
    """Text of another type, which a reader would not notice and a writer must not take."""


class Named(StrEnum):
    """Text that the encoder would spell as its value, were it not told otherwise."""

    K = "k"


@dataclass(frozen=True)
class Dressed(str):
    """Text that is a data class too."""


@pytest.mark.parametrize(
    "bad",
    [
        Entry("", {}),
        Entry(Named.K, {}),
        Entry("k", {}, actor=Named.K),
        Entry("k", {}, token=Dressed()),
        Entry("k", {"a": Named.K}),
        Entry("k", {"a": bytearray(b"b")}),  # type: ignore[dict-item]
        Entry(Text("k"), {}),
        Entry("k", {}, session=Text("s")),
        Entry("k", {}, actor=b"a"),  # type: ignore[arg-type]
        Entry("k", {}, token=None),  # type: ignore[arg-type]
        Entry("k", {"a": 1.5}),  # type: ignore[dict-item]
        Entry("k", {"a": Text("b")}),
        Entry("k", {"a": {"b": 1.5}}),  # type: ignore[dict-item]
        Entry("k", {1: 1}),  # type: ignore[dict-item]
        Entry("k", {"a": 2**64}),
        Entry("k", {"a": "\ud800"}),
        Entry("k", {}, payload=Digest(b"short")),
        Entry("k", {}, commitment="x" * 32),  # type: ignore[arg-type]
        Entry("k", {"a": "x" * 65536}),
    ],
)
def test_a_bad_entry_among_good_ones_is_refused_as_if_alone(bad: Entry) -> None:
    with pytest.raises(LedgerError) as alone:
        body_of(bad, 4, 5, "n")
    entries = [Entry("k", {"n": 1})] * batch.LEAST
    entries.insert(4, bad)
    assert batch.encoded(entries, 0, range(1, len(entries) + 1), "n") is None
    made = Group(0, Digest(bytes(32)), 0)
    with pytest.raises(type(alone.value)) as among:
        made.seal(entries, lambda previous, count: range(previous + 1, previous + 1 + count), "n")
    assert str(among.value) == str(alone.value)
    assert (made.size, made.run().count) == (0, 0)


@given(st.data())
def test_a_batch_refuses_what_each_refuses(data: st.DataObject) -> None:
    bodies = bodies_of(batch.LEAST)
    which = data.draw(st.integers(0, len(bodies) - 1))
    changed = bytearray(bodies[which])
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    bodies[which] = bytes(changed)
    try:
        expected = [fields(body) for body in bodies]
    except CanonicalError:
        assert batch.checked(bodies) is None
    else:
        assert rows_of(bodies) == expected


def packed(values: object) -> bytes:
    return bytes(msgpack.packb(values))


GOOD = [1, 3, 4, "n", "", "", "", "k", {"a": 1}, None, None]


@pytest.mark.parametrize(
    "bad",
    [
        packed([*GOOD[:8], {"a": 1.5}, None, None]),
        packed([*GOOD[:8], {"a": msgpack.ExtType(5, b"x")}, None, None]),
        packed([*GOOD[:8], {"a": msgpack.Timestamp(1)}, None, None]),
        packed([*GOOD[:8], {1: 1}, None, None]),
        packed([*GOOD[:8], {b"a": 1}, None, None]),
        packed([*GOOD[:8], {"b": 1, "a": 1}, None, None]),
        packed([*GOOD[:8], [], None, None]),
        packed([*GOOD[:8], {}, b"short", None]),
        packed([*GOOD[:8], {}, None, "x" * 32]),
        packed([True, *GOOD[1:]]),
        packed([2, *GOOD[1:]]),
        packed([1, -3, *GOOD[2:]]),
        packed([1, 3, -4, *GOOD[3:]]),
        packed([1, 3, 4.0, *GOOD[3:]]),
        packed([*GOOD[:3], b"n", *GOOD[4:]]),
        packed([*GOOD[:7], "", *GOOD[8:]]),
        packed(GOOD[:10]),
        packed([*GOOD, None]),
        packed(GOOD) + b"\xc0",
        packed(GOOD)[:-1],
        packed(GOOD).replace(b"\xa1k", b"\xd9\x01k"),
        packed(GOOD).replace(b"\x81\xa1a\x01", b"\x82\xa1a\x01\xa1a\x01"),
        packed(GOOD).replace(b"\xa1n", b"\xa1\xff"),
        b"\x91" * 5000,
        packed("no array"),
        b"",
        b"\xc1",
    ],
)
def test_what_neither_takes(bad: bytes) -> None:
    with pytest.raises(CanonicalError):
        fields(bad)
    for place in (0, 4, batch.LEAST):
        bodies = bodies_of(batch.LEAST)
        bodies.insert(place, bad)
        assert batch.checked(bodies) is None


def test_nesting_has_a_limit() -> None:
    value: object = 1
    for _ in range(40):
        value = [value]
    bad = packed([*GOOD[:8], {"a": value}, None, None])
    with pytest.raises(CanonicalError, match="nested"):
        fields(bad)
    assert batch.checked([*bodies_of(batch.LEAST), bad]) is None


def test_a_body_that_reaches_into_the_next_is_noticed() -> None:
    """Two bodies that are one value when the mark between them is content of a field."""
    bodies = bodies_of(batch.LEAST)
    whole = packed([*GOOD[:10], b"\x9b" * 32])
    cut = whole[:-20], whole[-20:]
    assert batch.checked([*bodies, *cut]) is None
    known = batch._BETWEEN
    # Even with as many bytes as the mark has: whoever does not know the mark cannot aim.
    eaten = packed([*GOOD[:10], b"\x00" * 32])
    assert batch.checked([*bodies, eaten[: -len(known) - 2], eaten[-2:]]) is None


def test_the_largest_batch_fits_its_array() -> None:
    bodies = bodies_of(batch.MOST)
    assert rows_of(bodies) == [fields(body) for body in bodies]
    assert ormsgpack.unpackb(bodies[-1])[1] == batch.MOST - 1
