"""Audit sessions of another house (nono), kept in our ledger and checked from what it gives back.

Its hashes are SHA-256 with words of its own before them, where ours are RFC 6962's and BLAKE3, so
no root or chain digest of theirs can equal one of ours. What is comparable is held here: content
that is hashed as it was stored survives our store byte for byte, their digests come out of it
again, and an altered byte is refused by both.

Their session digest is published; the two events are rebuilt from the session's fields, and that
they are the right ones is shown by the published Merkle root and chain head.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger import Digest, Entry, MemoryStore, ObjectDamaged, Signer, TokenSignatureLedger
from ledger.storage.file_objects import FileObjects
from ledger.trust.merkle import leaf_hash, node_hash, root, verify_inclusion

VECTORS = Path(__file__).parent.parent / "vectors" / "nolabs-ai_nono"
SESSION_DIGEST = "02022c14ce57dca6b392adfaaa922e4335d57ae6ce3d8ad962ec203cfd31dd0b"
SESSION = b"nono.audit.session-digest.alpha\n"
EVENT = b"nono.audit.event.alpha\n"
CHAIN = b"nono.audit.chain.alpha\n"
NODE = b"nono.audit.merkle.alpha\n"


def told() -> bytes:
    return (VECTORS / "audit-session-metadata-v1.json").read_bytes().rstrip(b"\n")


def events(session: dict[str, Any]) -> list[bytes]:
    """The two events of a session without incident, in their canonical JSON."""
    started = {"type": "session_started", "started": session["started"]}
    ended = {"type": "session_ended", "ended": session["ended"]}
    return [
        json.dumps({**started, "command": session["command"]}, separators=(",", ":")).encode(),
        json.dumps({**ended, "exit_code": session["exit_code"]}, separators=(",", ":")).encode(),
    ]


@pytest.fixture
def log() -> TokenSignatureLedger:
    signer = Signer("test.example/log", bytes(range(32)))
    return TokenSignatureLedger(MemoryStore(), signer, clock=lambda: 0, node="n1")


def test_a_session_comes_back_with_its_digests(log: TokenSignatureLedger) -> None:
    summary = json.loads(told())["audit_integrity"]
    metadata = log.objects.put(told())
    log.append(Entry("nono.session", {}, payload=metadata))
    log.append(*[Entry("nono.event", {"json": event}) for event in events(json.loads(told()))])

    session, *kept = log.read(1)
    assert session.payload is not None
    stored = log.objects.get(session.payload)
    assert sha256(SESSION + stored).hexdigest() == SESSION_DIGEST
    assert len(kept) == summary["event_count"]
    chain, leaves = bytes(32), []
    for record in kept:
        event = record.attributes["json"]
        assert isinstance(event, bytes)
        leaves.append(sha256(EVENT + event).digest())
        chain = sha256(CHAIN + chain + leaves[-1]).digest()
    assert chain.hex() == summary["chain_head"]
    assert sha256(NODE + leaves[0] + leaves[1]).hexdigest() == summary["merkle_root"]


def test_the_events_have_proofs_of_ours(log: TokenSignatureLedger) -> None:
    """Over the same leaves our tree has the same shape and, with other tags, another root."""
    summary = json.loads(told())["audit_integrity"]
    ours = [leaf_hash(event) for event in events(json.loads(told()))]
    assert root(ours) == node_hash(*ours)
    assert root(ours).hex() != summary["merkle_root"]
    records = log.append(*[Entry("e", {"json": event}) for event in events(json.loads(told()))])
    for record in records:
        verify_inclusion(log.prove(record.seq), leaf_hash(record.body), log.head.root)


def test_an_altered_byte_is_refused_by_both(tmp_path: Path) -> None:
    objects = FileObjects(tmp_path / "objects")
    name = objects.put(told())
    objects.flush()
    path = tmp_path / "objects" / name.hex()[:2] / name.hex()[2:]
    altered = told().replace(b'"exit_code":0', b'"exit_code":1')
    path.chmod(0o644)
    path.write_bytes(altered)
    assert sha256(SESSION + altered).hexdigest() != SESSION_DIGEST
    with pytest.raises(ObjectDamaged):
        objects.get(Digest(name))


def test_the_signed_request_is_its_fields_in_lines(log: TokenSignatureLedger) -> None:
    given = json.loads((VECTORS / "audit-request-v1.json").read_bytes())
    fields = ("method", "path", "subject_id", "timestamp_ms", "request_id", "body_digest")
    [record] = log.append(Entry("nono.request", {name: given[name] for name in fields}))
    lines = ["nono-request-v1", *(str(record.attributes[name]) for name in fields)]
    assert "\n".join(lines) == given["canonical"]
