"""in-toto: statements about records, signed as DSSE says."""

import base64
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger import BundleError, Entry, Signer, TokenSignatureLedger, digest
from ledger.__main__ import main
from ledger.evidence import statement, verify_os2
from tests.ledger.exporting import PAYLOAD, exported, records_of


def test_the_statement_is_signed_as_dsse_says(
    rich: Path, key_file: Path, signer: Signer, tmp_path: Path
) -> None:
    (envelope,) = exported(
        rich, "in-toto", "--key", str(key_file), "--from", "3", out=tmp_path / "x"
    )
    assert envelope.keys() == {"payloadType", "payload", "signatures"}
    kind, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"])
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    (signature,) = envelope["signatures"]
    public = Ed25519PublicKey.from_public_bytes(signer.public.key)
    public.verify(base64.b64decode(signature["sig"]), signed)
    with pytest.raises(InvalidSignature):
        public.verify(base64.b64decode(signature["sig"]), payload)

    said = json.loads(payload)
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "urn:os2shell:predicate:ledger-records:v1"
    subjects = {subject["name"]: subject["digest"] for subject in said["subject"]}
    for record in records_of(rich)[3:]:
        assert subjects[f"records/{record.seq}"] == {"sha256": sha256(record.body).hexdigest()}
    name = digest(PAYLOAD).hex()
    assert subjects[f"objects/{name}"] == {"blake3": name}
    note = said["predicate"]["checkpoint"].encode()
    assert subjects["checkpoint"] == {"sha256": sha256(note).hexdigest()}
    assert len(subjects) == 6
    verify_os2.checkpoint_of(note, verify_os2.Key.parse(str(signer.public)), None)


def test_dsse_s_own_example_of_what_is_signed() -> None:
    found = statement.pre_authentication("http://example.com/HelloWorld", "hello world")
    assert found == "DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_a_statement_needs_the_ledger_s_own_key(rich: Path, tmp_path: Path, capsys: Any) -> None:
    other = tmp_path / "other"
    other.write_text(Signer("test.example/log", bytes(32)).secret_text())
    other.chmod(0o600)
    assert main(["export", str(rich), "--format", "in-toto", "--key", str(other)]) == 2
    assert "signed with the key that signs the ledger" in capsys.readouterr().err


def test_too_many_subjects(open_ledger: Callable[[], TokenSignatureLedger], signer: Signer) -> None:
    with open_ledger() as ledger:
        for _ in range(10):
            ledger.append(*(Entry("k", {}) for _ in range(1000)))
        with pytest.raises(BundleError, match="choose fewer"):
            statement.envelope(ledger, signer, ledger.read())
