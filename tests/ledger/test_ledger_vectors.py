"""Vectors of others: Merkle proofs, notes, checkpoints, keys, hashes."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nacl import bindings

from ledger import KeyFormatError, NoteError, ProofError, PublicKey, digest
from ledger.trust import checkpoint as checkpoints
from ledger.trust import ed25519
from ledger.trust.keys import is_safe_point
from ledger.trust.merkle import (
    Frontier,
    InclusionProof,
    collect,
    consistency_proof,
    inclusion_proof,
    inclusion_proofs,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from ledger.trust.note import parse

VECTORS = Path(__file__).parent.parent / "vectors"


def load(path: str) -> Any:
    return json.loads((VECTORS / path).read_text("utf-8"))


def b64(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def cases(folder: str) -> list[Path]:
    found = sorted((VECTORS / "transparency-dev_merkle/testdata" / folder).rglob("*.json"))
    assert found
    return found


def test_all_inclusion_vectors() -> None:
    paths = cases("inclusion")
    assert len(paths) == 98
    for path in paths:
        case = json.loads(path.read_text("utf-8"))
        proof = InclusionProof(
            case["leafIdx"], case["treeSize"], tuple(b64(h) for h in case["proof"] or ())
        )
        if case["wantErr"]:
            with pytest.raises(ProofError):
                verify_inclusion(proof, b64(case["leafHash"]), b64(case["root"]))
        else:
            verify_inclusion(proof, b64(case["leafHash"]), b64(case["root"]))


def test_all_consistency_vectors() -> None:
    paths = cases("consistency")
    assert len(paths) == 98
    accepted = 0
    for path in paths:
        case = json.loads(path.read_text("utf-8"))
        proof = tuple(b64(h) for h in case["proof"] or ())
        given = (case["size1"], case["size2"], b64(case["root1"]), b64(case["root2"]), proof)
        if case["wantErr"] or case["size1"] == 0:
            with pytest.raises(ProofError):
                verify_consistency(*given)
        else:
            verify_consistency(*given)
            accepted += 1
    assert accepted


def test_reference_roots() -> None:
    data = load("transparency-dev_merkle/rfc6962_reference.json")
    leaves = [leaf_hash(bytes.fromhex(text)) for text in data["leaf_inputs"]]
    for size, expected in enumerate(data["root_hashes_by_size"]):
        assert root(leaves[:size]).hex() == expected
    levels = data["node_hashes_by_level"]
    wanted = {(level, index) for level, row in enumerate(levels) for index in range(len(row))}
    found = collect(leaves, wanted)
    assert {at: value.hex() for at, value in found.items()} == {
        (level, index): value for level, row in enumerate(levels) for index, value in enumerate(row)
    }


def test_own_proofs_verify_at_every_size() -> None:
    leaves = [leaf_hash(bytes([n])) for n in range(33)]
    nodes = collect(leaves, {(level, i) for level in range(7) for i in range(33)})
    for size in range(1, 34):
        whole = root(leaves[:size])
        for index, proof in inclusion_proofs(range(size), size, leaves[:size]).items():
            assert proof == inclusion_proof(index, size, lambda *at: nodes[at])
            verify_inclusion(proof, leaves[index], whole)
            with pytest.raises(ProofError):
                verify_inclusion(proof, leaf_hash(b"other"), whole)
        for smaller in range(1, size + 1):
            shown = consistency_proof(smaller, size, lambda *at: nodes[at])
            verify_consistency(smaller, size, root(leaves[:smaller]), whole, shown)


def test_a_frontier_of_wrong_shape_is_refused() -> None:
    with pytest.raises(ProofError):
        Frontier(3, [bytes(32)])
    with pytest.raises(ProofError):
        Frontier(1, [b"short"])


def test_go_notes() -> None:
    data = load("golang_mod/signed_note.json")
    note = parse(data["note"].encode())
    assert note.text == data["text"]
    assert note.encode() == data["note"].encode()
    for text in data["vkeys"].values():
        key = PublicKey.parse(text)
        assert str(key) == text
        key.verify(note)
    for text in data["bad_vkeys"]:
        with pytest.raises(KeyFormatError):
            PublicKey.parse(text)


def test_tessera_checkpoints_and_their_roots() -> None:
    data = load("transparency-dev_tessera/testlog.json")
    key = PublicKey.parse(data["vkey"])
    leaves = bytes.fromhex(data["tiles"]["tile/0/000.p/15"])
    hashes = [leaves[at : at + 32] for at in range(0, len(leaves), 32)]
    assert len(data["checkpoints"]) == 17
    for text in data["checkpoints"].values():
        found = checkpoints.verified(text.encode(), key)
        assert found.root == root(hashes[: found.size])
        with pytest.raises(NoteError):
            checkpoints.verified(text.replace("log", "lag", 1).encode(), key)


def test_low_order_and_unreduced_keys_are_refused() -> None:
    accepted = 0
    for case in load("C2SP_CCTV/ed25519vectors.json"):
        key = bytes.fromhex(case["key"])
        flags = set(case["flags"] or ())
        if not is_safe_point(key):
            assert flags & {"low_order_A", "non_canonical_A"}, case["number"]
            with pytest.raises(KeyFormatError):
                PublicKey("name", key)
            continue
        assert not flags & {"low_order_A", "non_canonical_A"}, case["number"]
        accepted += 1
    assert accepted


@pytest.fixture(params=["little to do", "much to do"])
def _load(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which library judges: the one that a process begins with, or libsodium before it."""
    monkeypatch.setattr(ed25519, "MUCH", 0 if request.param == "much to do" else 10**9)
    monkeypatch.setattr(ed25519, "_sodium", ed25519._Sodium())


@pytest.mark.usefixtures("_load")
def test_odd_signatures_are_judged_as_a_stranger_judges_them() -> None:
    """By ``cryptography`` alone; libsodium, which refuses more, is never the one that says no."""
    told: dict[tuple[bool, bool], int] = {}
    for case in load("C2SP_CCTV/ed25519vectors.json"):
        key, signature = bytes.fromhex(case["key"]), bytes.fromhex(case["sig"])
        message = case["msg"].encode()
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
            expected = True
        except (InvalidSignature, ValueError):
            expected = False
        strict = ed25519._is_signed_strictly(bindings, key, signature, message)
        assert ed25519.is_signed(key, signature, message) == expected
        told[strict, expected] = told.get((strict, expected), 0) + 1
    assert set(told) == {(False, False), (False, True), (True, True)}


def test_both_libraries_sign_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ed25519, "MUCH", 3)
    monkeypatch.setattr(ed25519, "_sodium", ed25519._Sodium())
    key = ed25519.SecretKey(bytes(range(32)))
    assert len({key.sign(b"message") for _ in range(8)}) == 1
    assert ed25519._sodium.asked == 4


@pytest.mark.usefixtures("_load")
def test_wycheproof_ed25519() -> None:
    checked = 0
    for group in load("C2SP_wycheproof/ed25519_test.json")["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["pk"])
        assert is_safe_point(key)
        public = Ed25519PublicKey.from_public_bytes(key)
        for case in group["tests"]:
            signature, message = bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"])
            checked += 1
            assert ed25519.is_signed(key, signature, message) == (case["result"] == "valid")
            if case["result"] == "valid":
                public.verify(signature, message)
            else:
                with pytest.raises(InvalidSignature):
                    public.verify(signature, message)
    assert checked > 100


def test_blake3() -> None:
    data = load("BLAKE3-team_BLAKE3/test_vectors.json")
    for case in data["cases"]:
        content = bytes(n % 251 for n in range(case["input_len"]))
        assert digest(content).hex() == case["hash"][:64]
        keyed = blake3(content, key=data["key"].encode()).hexdigest()
        assert keyed == case["keyed_hash"][:64]
        derived = blake3(content, derive_key_context=data["context_string"]).hexdigest()
        assert derived == case["derive_key"][:64]


@pytest.mark.parametrize(
    "spoiled",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\nno mark\n",
        "text\n\n\u2014 name\n".encode(),
        "text\n\n\u2014 na+me AAAAAAAA\n".encode(),
        "text\n\n\u2014 name AAAAAAB=\n".encode(),
        "text\n\n\u2014 name AAAAAAAA".encode(),
        "te\txt\n\n\u2014 name AAAAAAAA\n".encode(),
        b"\xff\n\n",
        b"x" * 70_000,
    ],
)
def test_what_is_no_note(spoiled: bytes) -> None:
    with pytest.raises(NoteError):
        parse(spoiled)
