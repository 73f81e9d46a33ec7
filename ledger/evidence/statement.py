"""Some records as an in-toto Statement v1 in a DSSE envelope, signed with the log key.

The subjects are the bytes of each record (SHA-256), the objects that records refer to (BLAKE3),
and the checkpoint's note (SHA-256). The predicate says which log they are of and what its head is;
its checkpoint carries the log's own signature, so it can be checked without DSSE too.

An envelope is signed whole, so it cannot be streamed: at most ``MAX_SUBJECTS`` subjects. The
pre-authentication encoding begins with ``DSSEv1``, a space and more; no checkpoint does, because
its first line is a name without spaces. So neither can be taken for the other.
"""

import base64
import json
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from ledger.errors import BundleError, WrongKey
from ledger.evidence.plain import Plain
from ledger.form.canonical import Digest
from ledger.form.record import Record
from ledger.form.references import of_record
from ledger.trust.keys import Signer
from ledger.trust.note import encode64

if TYPE_CHECKING:
    from ledger.chain.log import TokenSignatureLedger

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:os2shell:predicate:ledger-records:v1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
MAX_SUBJECTS: Final = 10_000


def envelope(
    ledger: "TokenSignatureLedger", signer: Signer, records: Iterable[Record]
) -> dict[str, Plain]:
    """The signed envelope around ``records`` as ``ledger`` gave them."""
    if ledger.public_key != signer.public:
        raise WrongKey(
            f"expected the secret half of {ledger.public_key}, found that of {signer.public}; "
            "a statement is signed with the key that signs the ledger"
        )
    payload = json.dumps(_statement(ledger, records), sort_keys=True, separators=(",", ":"))
    (signature,) = signer.sign(pre_authentication(PAYLOAD_TYPE, payload)).signatures
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload.encode()).decode(),
        "signatures": [{"keyid": str(signer.public), "sig": encode64(signature.value)}],
    }


def pre_authentication(kind: str, payload: str) -> str:
    """What a DSSE signature covers, for a payload in ASCII (DSSE protocol 1.0.0, PAE)."""
    return f"DSSEv1 {len(kind)} {kind} {len(payload)} {payload}"


def _statement(ledger: "TokenSignatureLedger", records: Iterable[Record]) -> dict[str, Plain]:
    signed = ledger.checkpoint
    if signed is None:
        raise BundleError("expected a signed ledger, found one without checkpoint")
    subjects: list[Plain] = [
        {"name": "checkpoint", "digest": {"sha256": sha256(signed.note).hexdigest()}}
    ]
    named: dict[Digest, None] = {}
    for record in records:
        digest = sha256(record.body).hexdigest()
        subjects.append({"name": f"records/{record.seq}", "digest": {"sha256": digest}})
        names = {each.name for each in of_record(record.attributes, record.payload)}
        named.update(dict.fromkeys(sorted(names)))
        if len(subjects) + len(named) > MAX_SUBJECTS:
            raise BundleError(
                f"expected at most {MAX_SUBJECTS} subjects in a statement, found more up to record "
                f"{record.seq}; choose fewer records"
            )
    subjects.extend(
        {"name": f"objects/{name.hex()}", "digest": {"blake3": name.hex()}} for name in named
    )
    return {
        "_type": STATEMENT_TYPE,
        "subject": subjects,
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "origin": signed.origin,
            "head": {"size": signed.size, "root": signed.root.hex()},
            "checkpoint": signed.note.decode(),
        },
    }
