"""Records as events of the Open Cybersecurity Schema Framework, version 1.9.0.

Each record is one *API Activity* event (class 6003): an actor asks for an operation, which is the
record's kind. Its activity is 99 (other), because kinds are the caller's own words. The record's
attributes are the request's data, in the form of ``plain``.

The profile ``record_integrity`` is applied: ``attestation_list`` holds one attestation, whose
fingerprint is SHA-256 over the JSON canonicalization (RFC 8785) of the event without the
attestation's own fingerprint. It refers to the event before by that event's fingerprint; the
chain begins with the first event of the export, so one event altered, put in or taken out is
seen. OCSF has no field for the bytes of a signature, and none is made for each event: what is
*signed* is the ledger's head. ``unmapped.ledger`` gives each event's place in it: leaf hash and
chain digest, to be compared with the ledger or with an evidence bundle.
"""

import json
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final

from ledger.evidence.plain import Plain, milliseconds, plain
from ledger.form.record import Record
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import leaf_hash

VERSION: Final = "1.9.0"
CLASS_UID: Final = 6003
TYPE_UID: Final = CLASS_UID * 100 + 99
_SHA_256: Final = 3
_HEX: Final = 1
_JCS: Final = 2


def events(records: Iterable[Record], key: PublicKey) -> Iterator[dict[str, Plain]]:
    """The events of ``records`` of the ledger that ``key`` signs, linked to one another."""
    before: dict[str, Plain] | None = None
    chain: str | None = None
    for record in records:
        chain = chain or f"{key.name}#{record.seq}"
        attestation: dict[str, Plain] = {"authority_uid": str(key), "chain_uid": chain}
        if before is not None:
            attestation["prev_event"] = before
        event = _event(record, key, attestation)
        fingerprint: dict[str, Plain] = {
            "algorithm_id": _SHA_256,
            "algorithm": "SHA-256",
            "encoding_id": _HEX,
            "encoding": "Hex",
            "serialization_id": _JCS,
            "serialization": "JCS",
            "value": sha256(canonical_json(event)).hexdigest(),
        }
        before = {"uid": _uid(record, key), "type_uid": TYPE_UID, "fingerprint": fingerprint}
        attestation["fingerprint"] = fingerprint
        yield event


def canonical_json(value: Plain) -> bytes:
    """``value`` as RFC 8785 spells it; it has no floats, and integers within 53 bits."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    if not text.isascii():  # beyond ASCII the two orders may differ
        text = json.dumps(_by_utf16(value), ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def _event(record: Record, key: PublicKey, attestation: dict[str, Plain]) -> dict[str, Plain]:
    uid = _uid(record, key)
    return {
        "activity_id": 99,
        "activity_name": record.kind,
        "category_uid": 6,
        "category_name": "Application Activity",
        "class_uid": CLASS_UID,
        "class_name": "API Activity",
        "type_uid": TYPE_UID,
        "type_name": "API Activity: Other",
        "severity_id": 1,
        "severity": "Informational",
        "time": milliseconds(record),
        "message": record.kind,
        "actor": _actor(record),
        "api": {
            "operation": record.kind,
            "request": {"uid": uid, "data": plain(record.attributes)},
            "service": {"name": key.name},
        },
        "src_endpoint": {"name": record.node or "unknown"},
        "metadata": {
            "version": VERSION,
            "profiles": ["record_integrity"],
            "product": {"name": "os2shell ledger", "vendor_name": "os2shell"},
            "uid": uid,
            "original_event_uid": str(record.seq),
            "sequence": record.seq,
            "log_name": key.name,
            "event_code": record.kind,
        },
        "attestation_list": [attestation],
        "unmapped": {"ledger": _place(record)},
    }


def _actor(record: Record) -> dict[str, Plain]:
    """An actor needs a user or a session; a record that names none has an unknown user."""
    found: dict[str, Plain] = {}
    if record.actor:
        found["user"] = {"name": record.actor}
    if record.session:
        found["session"] = {"uid": record.session}
    return found or {"user": {"name": "unknown", "type_id": 0, "type": "Unknown"}}


def _place(record: Record) -> dict[str, Plain]:
    """Where the record stands in the ledger, and what it is bound to."""
    found: dict[str, Plain] = {
        "hlc": str(record.hlc),
        "leaf_hash": leaf_hash(record.body).hex(),
        "chain_digest": record.digest.hex(),
    }
    given = {"token": record.token, "payload": record.payload, "commitment": record.commitment}
    for name, value in given.items():
        if value:
            found[name] = value.hex() if isinstance(value, bytes) else value
    return found


def _uid(record: Record, key: PublicKey) -> str:
    return f"{key.name}#{record.seq}"


def _by_utf16(value: Plain) -> Plain:
    """Maps sorted by the UTF-16 units of their keys, which is not the order of code points."""
    match value:
        case dict():
            ordered = sorted(value, key=lambda name: name.encode("utf-16-be"))
            return {name: _by_utf16(value[name]) for name in ordered}
        case list():
            return [_by_utf16(item) for item in value]
        case _:
            return value
