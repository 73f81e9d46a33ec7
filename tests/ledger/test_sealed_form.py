"""The form of sealed content: every size comes back, and nothing else opens."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import SealedDamaged
from ledger.privacy import sealed
from ledger.privacy.sealed import CHUNK_BYTES, HEADER, TAG_BYTES, Binding
from tests.ledger.sealing import BOUND, KEY, SALT, SIZES, seal, unseal

ROOT = Path(__file__).parent.parent.parent
VECTORS = ROOT / "tests" / "vectors" / "C2SP_wycheproof"


@pytest.mark.parametrize("size", SIZES)
def test_content_of_every_size_comes_back(size: int) -> None:
    content = os.urandom(size)
    data, commitment = seal(content)
    chunks = max(1, -(-size // CHUNK_BYTES))
    assert len(data) == HEADER.size + size + chunks * TAG_BYTES
    assert unseal(data, commitment) == content
    assert unseal(data, commitment, step=1000) == content


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.integers(min_value=0), st.integers(1, 255))
def test_each_changed_byte_is_noticed(content: bytes, place: int, change: int) -> None:
    data, commitment = seal(content)
    spoiled = bytearray(data)
    spoiled[place % len(data)] ^= change
    with pytest.raises(SealedDamaged):
        unseal(bytes(spoiled), commitment)


def test_every_cut_is_noticed() -> None:
    data, commitment = seal(os.urandom(2 * CHUNK_BYTES + 100))
    whole = CHUNK_BYTES + TAG_BYTES
    cuts = {*range(HEADER.size + 20), HEADER.size + whole, HEADER.size + 2 * whole, len(data) - 1}
    for cut in cuts:
        with pytest.raises(SealedDamaged):
            unseal(data[:cut], commitment)
    for longer in (data + b"\0", data + data[HEADER.size :]):
        with pytest.raises(SealedDamaged):
            unseal(longer, commitment)


def test_chunks_cannot_be_exchanged_or_repeated() -> None:
    data, commitment = seal(os.urandom(3 * CHUNK_BYTES))
    whole = CHUNK_BYTES + TAG_BYTES
    head, *chunks = (
        data[: HEADER.size],
        *(data[HEADER.size + n * whole :][:whole] for n in (0, 1, 2)),
    )
    assert unseal(head + b"".join(chunks), commitment)
    for order in ([1, 0, 2], [0, 0, 1, 2], [0, 2], [2], [0, 1, 2, 2]):
        with pytest.raises(SealedDamaged):
            unseal(head + b"".join(chunks[n] for n in order), commitment)


def test_an_empty_last_chunk_after_others_is_no_second_spelling() -> None:
    keys = sealed.content_keys(KEY, SALT)
    cipher, bound = ChaCha20Poly1305(keys.cipher), BOUND.encoded()
    content = bytes(CHUNK_BYTES)
    data = (
        HEADER.pack(sealed.MAGIC, sealed.FORMAT, SALT, keys.check)
        + cipher.encrypt(bytes(12), content, bound)
        + cipher.encrypt(bytes(10) + b"\x01\x01", b"", bound)
    )
    with pytest.raises(SealedDamaged, match="last chunk 1"):
        unseal(data, blake3(content, key=keys.commitment).digest())


@pytest.mark.parametrize(
    "other",
    [
        Binding("test.example/other", BOUND.pseudonym, BOUND.kind),
        Binding(BOUND.origin, "cd" * 16, BOUND.kind),
        Binding(BOUND.origin, BOUND.pseudonym, "other"),
    ],
)
def test_content_is_bound_to_its_place(other: Binding) -> None:
    data, commitment = seal(b"bound")
    with pytest.raises(SealedDamaged, match="another kind or ledger"):
        unseal(data, commitment, bound=other)


def test_other_keys_other_forms_and_other_records() -> None:
    data, commitment = seal(b"content")
    with pytest.raises(SealedDamaged, match="another key"):
        unseal(data, commitment, key=bytes(32))
    with pytest.raises(SealedDamaged, match="another form"):
        unseal(b"plain" * 50, commitment)
    newer = data[:8] + b"\0\0\0\2" + data[12:]
    with pytest.raises(SealedDamaged, match="found 2"):
        unseal(newer, commitment)
    with pytest.raises(SealedDamaged, match="another record"):
        unseal(data, bytes(32))


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=400), fitting=st.booleans())
def test_whatever_else_lies_there_is_refused(data: bytes, *, fitting: bool) -> None:
    if fitting:
        keys = sealed.content_keys(KEY, SALT)
        data = HEADER.pack(sealed.MAGIC, sealed.FORMAT, SALT, keys.check) + data
    with pytest.raises(SealedDamaged):
        unseal(data, bytes(32))


def load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text("utf-8"))["testGroups"]


def test_wycheproof_hkdf() -> None:
    checked = 0
    for group in load("hkdf_sha256_test.json"):
        for case in group["tests"]:
            given = [bytes.fromhex(case[name]) for name in ("ikm", "salt", "info")]
            checked += 1
            if case["result"] == "valid":
                assert sealed.derived(*given, case["size"]).hex() == case["okm"], case["tcId"]
            else:
                with pytest.raises(ValueError, match="larger than 8160"):
                    sealed.derived(*given, case["size"])
    assert checked == 86


def test_wycheproof_chacha20_poly1305() -> None:
    checked = 0
    for group in load("chacha20_poly1305_test.json"):
        for case in group["tests"]:
            nonce, bound, plain = (bytes.fromhex(case[name]) for name in ("iv", "aad", "msg"))
            whole = bytes.fromhex(case["ct"] + case["tag"])
            cipher = ChaCha20Poly1305(bytes.fromhex(case["key"]))
            checked += 1
            if case["result"] == "valid":
                assert cipher.encrypt(nonce, plain, bound) == whole, case["tcId"]
                assert cipher.decrypt(nonce, whole, bound) == plain
            else:
                with pytest.raises((InvalidTag, ValueError)):
                    cipher.decrypt(nonce, whole, bound)
    assert checked == 325
