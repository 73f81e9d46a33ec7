"""Others' vectors are not decoration: alter one, and the test that reads it fails."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from ledger import MemoryStore, Signer, TokenSignatureLedger
from tests.ledger import (
    test_cosignature,
    test_ledger_vectors,
    test_nono_vectors,
    test_proofs,
    test_sealed_form,
    test_witness,
)
from tests.ledger.witnessing import serving

VECTORS: Final = Path(__file__).parents[1] / "vectors"
TREES: Final = "transparency-dev_merkle/testdata"
SAMPLED: Final = 24
"""Of the files that hold one proof each, every so many is altered."""

Read = Callable[[], None]


def other(text: str) -> str:
    """Another text of the same length, in hex or base64."""
    return ("b" if text[0] == "a" else "a") + text[1:]


def set_at(*path: str | int) -> Callable[[Any], None]:
    """Alters the text at ``path``."""

    def alter(data: Any) -> None:
        for step in path[:-1]:
            data = data[step]
        data[path[-1]] = other(data[path[-1]])

    return alter


def turned(data: Any) -> None:
    """The last case of a Wycheproof file says the other of what it said."""
    case = data["testGroups"][-1]["tests"][-1]
    case["result"] = "valid" if case["result"] == "invalid" else "invalid"


def unflagged(data: Any) -> None:
    """A low-order key that is called a good one."""
    next(case for case in data if "low_order_A" in (case["flags"] or ()))["flags"] = []


def expecting(data: Any) -> None:
    """A witness that is told to answer otherwise."""
    data["exchanges_in_order"][1]["want_status"] = 418


def wanting(data: Any) -> None:
    data["wantErr"] = not data["wantErr"]


LEDGER = test_ledger_vectors
WHOLE: Final[dict[str, list[tuple[Callable[..., None], Callable[[Any], None]]]]] = {
    "BLAKE3-team_BLAKE3/test_vectors.json": [
        (LEDGER.test_blake3, set_at("cases", -1, "hash")),
        (LEDGER.test_blake3, set_at("cases", 0, "keyed_hash")),
        (LEDGER.test_blake3, set_at("cases", 3, "derive_key")),
    ],
    "C2SP_CCTV/ed25519vectors.json": [
        (LEDGER.test_low_order_and_unreduced_keys_are_refused, unflagged),
    ],
    "C2SP_wycheproof/chacha20_poly1305_test.json": [
        (test_sealed_form.test_wycheproof_chacha20_poly1305, turned),
    ],
    "C2SP_wycheproof/ed25519_test.json": [(LEDGER.test_wycheproof_ed25519, turned)],
    "C2SP_wycheproof/hkdf_sha256_test.json": [(test_sealed_form.test_wycheproof_hkdf, turned)],
    "C2SP_wycheproof/mldsa_44_verify_test.json": [
        (test_cosignature.test_wycheproof_ml_dsa_44, turned),
    ],
    "FiloSottile_torchwood/add_checkpoint_exchanges.json": [
        (test_witness.test_the_nine_exchanges_of_torchwood, expecting),
        (
            test_witness.test_the_nine_exchanges_of_torchwood,
            set_at("exchanges_in_order", 2, "asserts", 0),
        ),
    ],
    "golang_mod/signed_note.json": [(LEDGER.test_go_notes, set_at("text"))],
    "nolabs-ai_nono/audit-request-v1.json": [
        (test_nono_vectors.test_the_signed_request_is_its_fields_in_lines, set_at("canonical")),
    ],
    "nolabs-ai_nono/audit-session-metadata-v1.json": [
        (
            test_nono_vectors.test_a_session_comes_back_with_its_digests,
            set_at("audit_integrity", "chain_head"),
        ),
    ],
    "transparency-dev_merkle/rfc6962_reference.json": [
        (LEDGER.test_reference_roots, set_at("root_hashes_by_size", -1)),
        (LEDGER.test_reference_roots, set_at("node_hashes_by_level", 1, 0)),
    ],
    "transparency-dev_tessera/testlog.json": [
        (
            LEDGER.test_tessera_checkpoints_and_their_roots,
            set_at("tiles", "tile/0/000.p/15"),
        ),
    ],
}
PROOFS: Final[dict[str, Callable[[], None]]] = {
    "inclusion": LEDGER.test_all_inclusion_vectors,
    "consistency": LEDGER.test_all_consistency_vectors,
    "subtreeinclusion": test_proofs.test_subtree_inclusion_vectors,
    "subtreeconsistency": test_proofs.test_subtree_consistency_vectors,
}


def test_every_file_is_named_here() -> None:
    found = {str(path.relative_to(VECTORS)) for path in VECTORS.rglob("*.json")}
    assert {name for name in found if not name.startswith(TREES)} == set(WHOLE)
    folders = {name.removeprefix(TREES).split("/")[1] for name in found if name.startswith(TREES)}
    assert folders == set(PROOFS)


def altered(monkeypatch: pytest.MonkeyPatch, path: Path, alter: Callable[[Any], None]) -> None:
    """Whoever reads ``path`` from now on reads something else."""
    data = json.loads(path.read_text("utf-8"))
    alter(data)
    text, read_text, read_bytes = json.dumps(data), Path.read_text, Path.read_bytes

    def as_text(self: Path, *given: Any, **named: Any) -> str:
        return text if self.resolve() == path else read_text(self, *given, **named)

    def as_bytes(self: Path) -> bytes:
        return text.encode() if self.resolve() == path else read_bytes(self)

    monkeypatch.setattr(Path, "read_text", as_text)
    monkeypatch.setattr(Path, "read_bytes", as_bytes)


def fails(check: Callable[..., None], tmp_path: Path) -> bool:
    """Whether ``check`` fails; the fixtures it asks for are made here."""
    with serving(tmp_path) as start:
        given: dict[str, Any] = {"serve": start}
        wanted = check.__code__.co_varnames[: check.__code__.co_argcount]
        if "log" in wanted:
            return _fails_on_a_log(check)
        try:
            check(**{name: given[name] for name in wanted})
        except (Exception, pytest.fail.Exception):  # noqa: BLE001 - any failure is one
            return True
    return False


def _fails_on_a_log(check: Callable[..., None]) -> bool:
    signer = Signer("test.example/log", bytes(range(32)))
    with TokenSignatureLedger(MemoryStore(), signer, clock=lambda: 0, node="n1") as log:
        try:
            check(log)
        except (Exception, pytest.fail.Exception):  # noqa: BLE001 - any failure is one
            return True
    return False


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_an_altered_vector_is_noticed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not any(fails(check, tmp_path) for check, _ in WHOLE[name][:1]), "fails as it is"
    for number, (check, alter) in enumerate(WHOLE[name]):
        folder = tmp_path / str(number)
        folder.mkdir()
        with monkeypatch.context() as patch:
            altered(patch, (VECTORS / name).resolve(), alter)
            assert fails(check, folder), f"alteration {number} went unnoticed"


def sampled() -> Iterator[tuple[str, Path]]:
    for folder in PROOFS:
        for path in sorted((VECTORS / TREES / folder).rglob("*.json"))[::SAMPLED]:
            yield folder, path


@pytest.mark.parametrize(("folder", "path"), list(sampled()), ids=lambda given: Path(given).stem)
def test_an_altered_proof_is_noticed(
    folder: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    altered(monkeypatch, path.resolve(), wanting)
    assert fails(PROOFS[folder], tmp_path)
