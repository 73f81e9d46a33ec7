"""One value, one byte string."""

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import CanonicalError, Json, decode, digest, encode

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abcé😀"), inner),
    max_leaves=20,
)


@settings(database=None)  # a checkout may be read-only
@given(values)
def test_round_trip(value: Json) -> None:
    data = encode(value)
    assert decode(data) == value
    assert encode(decode(data)) == data


@settings(database=None)  # a checkout may be read-only
@given(st.binary(max_size=60))
def test_whatever_decodes_is_canonical(data: bytes) -> None:
    try:
        value = decode(data)
    except CanonicalError:
        return
    assert encode(value) == data


def test_order_of_insertion_does_not_matter() -> None:
    assert encode({"b": 1, "a": [{"d": 1, "c": 2}]}) == encode({"a": [{"c": 2, "d": 1}], "b": 1})


@pytest.mark.parametrize(
    "value",
    [1.5, 2**64, -(2**63) - 1, {1: 2}, {"a": (1,)}, "\ud800", {"\ud800": 1}, {"a": {3}}, object()],
)
def test_what_has_no_form(value: object) -> None:
    with pytest.raises(CanonicalError):
        encode(value)  # type: ignore[arg-type]


def test_depth_is_limited() -> None:
    value: Json = 1
    for _ in range(32):
        value = [value]
    assert decode(encode(value)) == value
    with pytest.raises(CanonicalError):
        encode([value])
    with pytest.raises(CanonicalError):
        decode(b"\x91" + encode(value))
    with pytest.raises(CanonicalError):
        decode(b"\x91" * 100_000 + b"\x01")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xcc\x01",  # a longer spelling of 1
        b"\xd9\x01a",  # a longer spelling of "a"
        b"\x82\xa1b\x01\xa1a\x01",  # keys out of order
        b"\x82\xa1a\x01\xa1a\x01",  # a key twice
        b"\x81\x01\x01",  # an integer as key
        b"\x81\xc4\x01a\x01",  # bytes as key
        b"\xa1\xff",  # invalid UTF-8
        b"\x01\x01",  # more behind
        b"\xdd\xff\xff\xff\xff",  # an array longer than the data
        msgpack.packb(1.5),
        msgpack.packb(msgpack.ExtType(5, b"x")),
        msgpack.packb(msgpack.Timestamp(1)),
    ],
)
def test_other_spellings_are_refused(data: bytes) -> None:
    with pytest.raises(CanonicalError):
        decode(data)


def test_the_encoder_survives_a_refusal() -> None:
    for _ in range(3):
        with pytest.raises(CanonicalError):
            encode(["kept?", 2**64])
        assert encode(["a"]) == b"\x91\xa1a"


def test_digest_is_blake3() -> None:
    assert digest(b"").hex().startswith("af1349b9f5f9a1a6")
