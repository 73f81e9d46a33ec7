"""OCSF: events of the published shape, whose attestations a stranger can check."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from ledger.evidence import ocsf
from ledger.trust.merkle import leaf_hash
from tests.ledger.exporting import HEX, NUMBER, TEXT, exported, records_of, thing

FINGERPRINT = thing(
    {"algorithm_id": {"const": 3}, "value": HEX},
    {
        "algorithm": {"const": "SHA-256"},
        "encoding": {"const": "Hex"},
        "encoding_id": {"const": 1},
        "serialization": {"const": "JCS"},
        "serialization_id": {"const": 2},
    },
)
API_ACTIVITY = thing(
    # required by base_event and api_activity of ocsf-schema 1.9.0
    {
        "activity_id": {"const": 99},
        "category_uid": {"const": 6},
        "class_uid": {"const": 6003},
        "type_uid": {"const": 600399},
        "severity_id": {"const": 1},
        "time": NUMBER,
        "metadata": thing(
            {"version": {"const": "1.9.0"}, "product": thing({"name": TEXT}, {"vendor_name": TEXT})},
            {
                "profiles": {"const": ["record_integrity"]},
                "uid": TEXT,
                "original_event_uid": TEXT,
                "sequence": NUMBER,
                "log_name": TEXT,
                "event_code": TEXT,
            },
        ),
        "actor": {
            **thing(
                {},
                {
                    "user": thing({"name": TEXT}, {"type_id": {"const": 0}, "type": {"const": "Unknown"}}),
                    "session": thing({}, {"uid": TEXT}),
                },
            ),
            "minProperties": 1,
        },
        "api": thing(
            {"operation": TEXT},
            {"request": thing({"uid": TEXT}, {"data": {"type": "object"}}), "service": thing({"name": TEXT})},
        ),
        "src_endpoint": thing({"name": TEXT}),
    },
    {
        "activity_name": TEXT,
        "category_name": {"const": "Application Activity"},
        "class_name": {"const": "API Activity"},
        "type_name": {"const": "API Activity: Other"},
        "severity": {"const": "Informational"},
        "message": TEXT,
        "unmapped": {"type": "object"},
        # the profile record_integrity
        "attestation_list": {
            "type": "array",
            "minItems": 1,
            "items": thing(
                {"fingerprint": FINGERPRINT},
                {
                    "authority_uid": TEXT,
                    "chain_uid": TEXT,
                    "prev_event": thing({"uid": TEXT}, {"type_uid": NUMBER, "fingerprint": FINGERPRINT}),
                },
            ),
        },
    },
)  # fmt: skip


def test_ocsf_has_the_published_shape(rich: Path, tmp_path: Path) -> None:
    events = exported(rich, "ocsf", out=tmp_path / "x")
    for event in events:
        jsonschema.validate(event, API_ACTIVITY, cls=jsonschema.Draft202012Validator)
    records = records_of(rich)
    assert len(events) == len(records)
    for event, record in zip(events, records, strict=True):
        assert event["time"] == record.hlc >> 16
        assert event["api"]["operation"] == record.kind
        assert event["metadata"]["sequence"] == record.seq
        assert event["unmapped"]["ledger"]["leaf_hash"] == leaf_hash(record.body).hex()
    assert events[6]["actor"] == {"user": {"name": "a"}, "session": {"uid": "s"}}
    assert events[6]["unmapped"]["ledger"]["token"] == "t"


def test_ocsf_attestations_hold_and_are_linked(rich: Path, tmp_path: Path) -> None:
    """As a stranger would check: canonical JSON without the fingerprint, the chain from the first."""
    events = exported(rich, "ocsf", "--from", "1", out=tmp_path / "x")
    before = None
    for event in events:
        (attestation,) = event["attestation_list"]
        claimed = attestation.pop("fingerprint")
        assert sha256(rfc8785(event)).hexdigest() == claimed["value"]
        assert attestation.get("prev_event") == before
        assert attestation["chain_uid"] == "test.example/log#1"
        before = {"uid": event["metadata"]["uid"], "type_uid": 600399, "fingerprint": claimed}


def rfc8785(value: Any) -> bytes:
    """RFC 8785 for values without floats, from its text: sections 3.2.2 and 3.2.3."""
    match value:
        case None | bool() | int():
            return json.dumps(value).encode()
        case str():
            short = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}
            inner = "".join(
                short.get(ord(c)) or (f"\\u{ord(c):04x}" if c < " " else c) for c in value
            )
            return f'"{inner}"'.encode()
        case list():
            return b"[" + b",".join(map(rfc8785, value)) + b"]"
        case _:
            names = sorted(
                value, key=lambda name: list(memoryview(name.encode("utf-16-be")).tolist())
            )
            return b"{" + b",".join(rfc8785(n) + b":" + rfc8785(value[n]) for n in names) + b"}"


TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=6)
    ),
    max_leaves=20,
)


@given(TREES)
def test_canonical_json_is_that_of_the_rfc(value: Any) -> None:
    assert ocsf.canonical_json(value) == rfc8785(value)


def test_the_rfc_s_own_example_of_sorting() -> None:
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    written = ocsf.canonical_json(dict.fromkeys(names))
    assert list(json.loads(written)) == [
        "\r",
        "1",
        "\u0080",
        "\u00f6",
        "\u20ac",
        "\U0001f600",
        "\ufb33",
    ]
