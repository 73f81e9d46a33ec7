"""Cosignatures: what is signed, whose key may, what is refused; vectors of others for ML-DSA-44."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from hypothesis import given
from hypothesis import strategies as st

from ledger import KeyFormatError, NoteError, PublicKey, Signer
from ledger.trust.cosignature import (
    Algorithm,
    Cosigner,
    CosignerKey,
    TreeHead,
    cosigned_at,
    holds,
    parse_log_key,
)
from ledger.trust.note import Note, Signature, accepted, decode64, encode64, parse

VECTORS = Path(__file__).parent.parent / "vectors"
DOCUMENT = Path(__file__).parents[2] / "docs/ledger-format.md"
SEED = bytes(range(32))
ROOT = bytes(range(32, 64))
TEXT = f"example.com/log\n5\n{encode64(ROOT)}\n"
EXTENDED = f"{TEXT}blake3 {encode64(ROOT)}\n"
ALGORITHMS = list(Algorithm)


def test_the_ed25519_message_is_the_lines_of_the_specification() -> None:
    cosigner = Cosigner("w.example/1", SEED)
    signature = cosigner.cosign(EXTENDED, 1_679_315_147)
    assert signature.value[:8] == (1_679_315_147).to_bytes(8, "big")
    message = f"cosignature/v1\ntime 1679315147\n{EXTENDED}".encode()
    Ed25519PublicKey.from_public_bytes(cosigner.public.key).verify(signature.value[8:], message)


def test_the_ml_dsa_message_is_the_structure_of_the_specification() -> None:
    cosigner = Cosigner("w.example/1", SEED, Algorithm.ML_DSA_44)
    signature = cosigner.cosign(EXTENDED, 1_679_315_147)
    assert len(signature.value) == 8 + 2420
    message = (
        bytes.fromhex(
            "737562747265652f76310a00"  # subtree/v1, newline, zero
            "0b772e6578616d706c652f31"  # w.example/1
            "00000000641850cb"  # the time
            "0f6578616d706c652e636f6d2f6c6f67"  # example.com/log
            "0000000000000000"  # from the first leaf
            "0000000000000005"  # up to the size
        )
        + ROOT
    )
    MLDSA44PublicKey.from_public_bytes(cosigner.public.key).verify(signature.value[8:], message)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_cosigned_cannot_be_altered(algorithm: Algorithm) -> None:
    cosigner = Cosigner("w.example/1", SEED, algorithm)
    key = cosigner.public
    signature = cosigner.cosign(TEXT, 7)
    note = Note(TEXT, (signature,))
    key.verify(note)
    assert parse(note.encode()) == note
    assert cosigned_at(signature) == 7
    value = signature.value
    later = Signature(key.name, key.key_id, (8).to_bytes(8, "big") + value[8:])
    flipped = Signature(key.name, key.key_id, value[:-1] + bytes([value[-1] ^ 1]))
    timeless = Signature(key.name, key.key_id, bytes(8) + value[8:])
    far = Signature(key.name, key.key_id, b"\xff" * 8 + value[8:])
    short = Signature(key.name, key.key_id, value[:7])
    longer = Signature(key.name, key.key_id, value + b"\0")
    for bad in (later, flipped, timeless, far, short, longer):
        with pytest.raises(NoteError):
            key.verify(Note(TEXT, (bad,)))
    with pytest.raises(NoteError):
        key.verify(Note(TEXT.replace("\n5\n", "\n6\n"), (signature,)))
    for count in (0, 2):
        with pytest.raises(NoteError):
            key.verify(Note(TEXT, (signature,) * count))
    renamed = CosignerKey("w.example/2", algorithm, key.key)
    with pytest.raises(NoteError):
        renamed.verify(note)


def test_only_ed25519_covers_extension_lines() -> None:
    for algorithm in ALGORITHMS:
        cosigner = Cosigner("w.example/1", SEED, algorithm)
        moved = Note(TEXT, (cosigner.cosign(EXTENDED, 7),))
        if algorithm is Algorithm.ED25519:
            with pytest.raises(NoteError):
                cosigner.public.verify(moved)
        else:
            cosigner.public.verify(moved)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_keys_have_one_text_form(algorithm: Algorithm) -> None:
    cosigner = Cosigner("w.example/1", SEED, algorithm)
    assert CosignerKey.parse(f"{cosigner.public}\n") == cosigner.public
    assert parse_log_key(str(cosigner.public)) == cosigner.public
    assert Cosigner.parse(cosigner.secret_text()).public == cosigner.public
    public, secret = str(cosigner.public).split("+", 2)[2], cosigner.secret_text().split("+", 4)[4]
    assert decode64(public)[0] == decode64(secret)[0] == int(algorithm)
    assert Cosigner.generate("w.example/1", algorithm).public != cosigner.public


def test_keys_of_other_kinds_are_refused() -> None:
    signer = Signer("example.com/log", SEED)
    cosigner = Cosigner("example.com/log", SEED)
    assert signer.public.key == cosigner.public.key
    assert signer.public.key_id != cosigner.public.key_id
    assert parse_log_key(str(signer.public)) == signer.public
    with pytest.raises(KeyFormatError):
        CosignerKey.parse(str(signer.public))
    with pytest.raises(KeyFormatError):
        PublicKey.parse(str(cosigner.public))
    with pytest.raises(KeyFormatError):
        Cosigner.parse(signer.secret_text())
    text = str(cosigner.public)
    name, key_id, encoded = text.split("+", 2)
    for bad in (
        "",
        name,
        f"{name}+{key_id}+",
        f"{name}+{key_id}+BA==",
        f"{name}+{key_id.upper() if key_id.upper() != key_id else 'ABCDEF01'}+{encoded}",
        f"{name}+00000000+{encoded}",
        f"other+{key_id}+{encoded}",
        f"na me+{key_id}+{encoded}",
        f"{'n' * 256}+{key_id}+{encoded}",
        text[:-1],
        str(Cosigner(name, SEED, Algorithm.ML_DSA_44).public)[:-4],
    ):
        with pytest.raises(KeyFormatError):
            CosignerKey.parse(bad)
    with pytest.raises(KeyFormatError):
        Cosigner("w.example", bytes(31))
    with pytest.raises(KeyFormatError):
        Cosigner.parse(text)


def test_low_order_keys_may_not_cosign() -> None:
    refused = 0
    for case in json.loads((VECTORS / "C2SP_CCTV/ed25519vectors.json").read_text("utf-8")):
        if set(case["flags"] or ()) & {"low_order_A", "non_canonical_A"}:
            with pytest.raises(KeyFormatError):
                CosignerKey("w.example", Algorithm.ED25519, bytes.fromhex(case["key"]))
            refused += 1
    assert refused > 100


def test_wycheproof_ml_dsa_44() -> None:
    path = VECTORS / "C2SP_wycheproof/mldsa_44_verify_test.json"
    checked = accepted_ = 0
    for group in json.loads(path.read_text("utf-8"))["testGroups"]:
        key = bytes.fromhex(group["publicKey"])
        for case in group["tests"]:
            message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
            valid = case["result"] == "valid"
            checked += 1
            accepted_ += valid
            if "ctx" not in case:
                assert holds(Algorithm.ML_DSA_44, key, signature, message) == valid, case["tcId"]
                continue
            try:
                public = MLDSA44PublicKey.from_public_bytes(key)
                public.verify(signature, message, bytes.fromhex(case["ctx"]))
            except (InvalidSignature, ValueError):
                assert not valid, case["tcId"]
            else:
                assert valid, case["tcId"]
    assert checked == 180
    assert 0 < accepted_ < checked


def test_a_library_without_ml_dsa_is_a_named_refusal() -> None:
    key = Cosigner("w.example", SEED, Algorithm.ML_DSA_44)
    note = Note(TEXT, (key.cosign(TEXT, 7),)).encode()
    script = (
        "import sys\n"
        "sys.modules['cryptography.hazmat.primitives.asymmetric.mldsa'] = None\n"
        "from ledger.errors import AlgorithmMissing\n"
        "from ledger.trust.cosignature import *\n"
        "from ledger.trust.note import parse\n"
        f"key, note = CosignerKey.parse({str(key.public)!r}), parse({note!r})\n"
        f"for act in (lambda: key.verify(note), lambda: Cosigner.parse({key.secret_text()!r})):\n"
        "    try:\n"
        "        act()\n"
        "    except AlgorithmMissing as problem:\n"
        "        print('upgrade' in str(problem))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "True\nTrue\n"


def test_times_before_1970_are_refused() -> None:
    for time in (0, -1, 2**63):
        with pytest.raises(NoteError):
            Cosigner("w.example", SEED).cosign(TEXT, time)


def test_ml_dsa_cosigns_only_checkpoints_it_can_name() -> None:
    cosigner = Cosigner("w.example", SEED, Algorithm.ML_DSA_44)
    for text in ("no checkpoint\n", TEXT.replace("example.com/log", "x" * 256)):
        with pytest.raises(NoteError):
            cosigner.cosign(text, 7)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n5\n",
        f"o\n5\n{encode64(ROOT)}",
        f"\n5\n{encode64(ROOT)}\n",
        f"o\n05\n{encode64(ROOT)}\n",
        f"o\n-5\n{encode64(ROOT)}\n",
        f"o\n\u0665\n{encode64(ROOT)}\n",
        f"o\n{2**63}\n{encode64(ROOT)}\n",
        f"o\n5\n{encode64(ROOT[:31])}\n",
        f"o\n5\n{encode64(ROOT)[:-1]}\n",
        f"o\n5\n{encode64(ROOT)}\n\nx\n",
    ],
)
def test_what_states_no_head(text: str) -> None:
    with pytest.raises(NoteError):
        TreeHead.parse(text)


# --- notes with several signatures


def signed_by(*signers: Signer | Cosigner) -> Note:
    note = Note(TEXT, ())
    for each in signers:
        more = each.sign(TEXT).signatures if isinstance(each, Signer) else (each.cosign(TEXT, 7),)
        note = note.adding(more)
    return parse(note.encode())


LOG = Signer("example.com/log", SEED)
FIRST = Cosigner("w.example/1", SEED[::-1])
SECOND = Cosigner("w.example/2", bytes(32), Algorithm.ML_DSA_44)


def test_unknown_signatures_are_ignored() -> None:
    note = signed_by(LOG, FIRST, SECOND)
    assert [s.name for s in accepted(note, [LOG.public])] == ["example.com/log"]
    assert [s.name for s in accepted(note, [SECOND.public, LOG.public])] == [
        "example.com/log",
        "w.example/2",
    ]
    stranger = Signer("example.com/log", bytes(32))  # the same name, another hash
    impostor = Signature("stranger.example", LOG.public.key_id, bytes(64))  # the same hash
    assert len(accepted(signed_by(LOG, stranger).adding([impostor]), [LOG.public])) == 1


def test_a_wrong_signature_by_a_known_key_refuses_the_note() -> None:
    bad = Signature(LOG.name, LOG.public.key_id, bytes(64))
    for note in (signed_by(FIRST).adding([bad]), signed_by(LOG, FIRST).adding([bad])):
        with pytest.raises(NoteError):
            accepted(note, [FIRST.public, LOG.public])
        assert len(accepted(note, [FIRST.public])) == 1


def test_no_known_signature_refuses_the_note() -> None:
    for keys in ([], [SECOND.public]):
        with pytest.raises(NoteError, match="expected a signature by"):
            accepted(signed_by(LOG, FIRST), keys)


def test_a_line_given_twice_counts_once() -> None:
    note = signed_by(LOG)
    twice = Note(note.text, note.signatures * 2)
    assert accepted(twice, [LOG.public]) == note.signatures
    assert twice.adding(note.signatures) == note


def test_sixteen_ml_dsa_cosignatures_fit_a_note() -> None:
    many = [Cosigner(f"w.example/{n}", bytes([n]) * 32, Algorithm.ML_DSA_44) for n in range(16)]
    assert len(accepted(signed_by(LOG, *many), [each.public for each in many])) == 16


@given(st.binary(max_size=3000))
def test_no_bytes_cosign(data: bytes) -> None:
    for cosigner in (FIRST, SECOND):
        key = cosigner.public
        with pytest.raises(NoteError):
            key.verify(Note(TEXT, (Signature(key.name, key.key_id, data),)))


@given(st.text(max_size=200))
def test_no_text_is_a_key_by_accident(text: str) -> None:
    for suffix in (text, f"w.example+00000000+{text}", f"w.example+{text}+BAAA"):
        with pytest.raises(KeyFormatError):
            CosignerKey.parse(suffix)


# --- the page


def test_the_page_shows_these_bytes(signer: Signer) -> None:
    page = DOCUMENT.read_text("utf-8")
    golden = parse((Path(__file__).parent / "golden/v1/checkpoint").read_bytes())
    signer.public.verify(golden)
    witness = Cosigner("witness.example/1", bytes(range(32, 64)))
    assert f"    {witness.public}\n" in page
    assert f"    {witness.cosign(golden.text, 1_700_000_000).line()}" in page
    second = Cosigner("witness.example/2", bytes(range(32, 64)), Algorithm.ML_DSA_44)
    assert f"`{second.public.key_id.hex()}`" in page
    shown = page.split("is these bytes:\n\n")[1].split("\n\n")[0]
    signature = second.cosign(golden.text, 1_700_000_000)
    MLDSA44PublicKey.from_public_bytes(second.public.key).verify(
        signature.value[8:], bytes.fromhex(shown)
    )
    published = golden.adding([witness.cosign(golden.text, 7)]).encode()
    assert published.startswith(golden.encode())
