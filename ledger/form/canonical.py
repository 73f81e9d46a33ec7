"""One value, one byte string: the encoding that every digest is taken over.

Canonical means msgpack restricted to nil, booleans, integers of 64 bits in their shortest form,
UTF-8 strings, binaries, arrays, and maps whose keys are strings, unique and sorted by their UTF-8
bytes. No floats (their text differs between writers), no extension types, at most ``MAX_DEPTH``
containers inside one another.

Reading refuses every other form. Digests are always taken over the bytes as stored: the encoder
runs on the reading side only to compare, so that no second spelling of a value is ever accepted.
"""

from typing import Final, NewType, TypeAlias, cast

import msgpack  # type: ignore[import-untyped]
from blake3 import blake3

from ledger.errors import CanonicalError

Json: TypeAlias = "bool | int | str | bytes | list[Json] | dict[str, Json] | None"
Digest = NewType("Digest", bytes)

MAX_DEPTH: Final = 32
LEAVES: Final = frozenset({type(None), bool, int, str, bytes})


def digest(data: bytes) -> Digest:
    """BLAKE3 of ``data``, 32 bytes."""
    return Digest(blake3(data).digest())


def encode(value: Json) -> bytes:
    """The canonical bytes of ``value``."""
    return _packed(ordered(value))


def decode(data: bytes) -> Json:
    """The value of canonical ``data``; every other spelling is refused."""
    try:
        value = msgpack.unpackb(data, raw=False, use_list=True, strict_map_key=True)
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as problem:
        raise malformed(problem) from problem
    check(value)
    if _packed(value) != data:
        raise CanonicalError(
            "expected canonical msgpack, found a longer spelling or a repeated key; "
            "encode the value with ledger.encode"
        )
    return cast("Json", value)


def unencodable(problem: Exception) -> CanonicalError:
    """The error of a value whose numbers or text have no encoding."""
    return CanonicalError(
        "expected 64-bit integers and valid Unicode, found a value that cannot be encoded: "
        f"{problem}; change the value"
    )


def malformed(problem: Exception) -> CanonicalError:
    """The error of bytes that are no msgpack at all."""
    found = str(problem) or type(problem).__name__
    return CanonicalError(
        f"expected canonical msgpack, found malformed bytes: {found}; the data was altered"
    )


def _packed(value: object) -> bytes:
    try:
        return cast("bytes", msgpack.packb(value, use_bin_type=True))
    except (OverflowError, ValueError, TypeError) as problem:
        raise unencodable(problem) from problem


def ordered(value: Json, depth: int = 0) -> Json:
    """``value`` with every map sorted; refuses what has no canonical form."""
    if type(value) in LEAVES:
        return value
    if depth >= MAX_DEPTH:
        raise CanonicalError(f"expected at most {MAX_DEPTH} nested containers, found more")
    if type(value) is dict:
        for key in value:
            _require_text(key)
        # Order by code points is order by UTF-8 bytes; surrogates are refused when encoding.
        return {key: ordered(value[key], depth + 1) for key in sorted(value)}
    if type(value) is list:
        return [ordered(item, depth + 1) for item in value]
    raise _no_form(value)


def check(value: object, depth: int = 0) -> None:
    """Refuse a decoded value whose maps are not sorted or that holds other types."""
    if type(value) in LEAVES:
        return
    if depth >= MAX_DEPTH:
        raise CanonicalError(f"expected at most {MAX_DEPTH} nested containers, found more")
    if type(value) is dict:
        last = None
        for key, item in value.items():
            _require_text(key)
            if last is not None and key <= last:
                raise CanonicalError(f"expected sorted keys, found {key!r} after {last!r}")
            last = key
            check(item, depth + 1)
    elif type(value) is list:
        for item in value:
            check(item, depth + 1)
    else:
        raise _no_form(value)


def is_canonical(value: Json) -> bool:
    """Whether ``check`` would take a decoded value."""
    try:
        check(value)
    except CanonicalError:
        return False
    return True


def _require_text(key: object) -> None:
    if type(key) is not str:
        raise CanonicalError(f"expected a string as key, found {type(key).__name__} {key!r}")


def _no_form(value: object) -> CanonicalError:
    return CanonicalError(
        f"expected None, bool, int, str, bytes, list or dict, found {type(value).__name__}; "
        "convert it (floats become integers with a unit in their name)"
    )
