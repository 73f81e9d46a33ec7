"""OpenTelemetry: documents of the published shape that lose nothing."""

import base64
from pathlib import Path
from typing import Any

import jsonschema

from ledger import Signer, digest
from ledger.evidence import otel
from ledger.form.record import Record
from tests.ledger.exporting import TEXT, exported, records_of, thing

ANY_VALUE: dict[str, Any] = {
    "type": "object",
    "maxProperties": 1,
    "additionalProperties": False,
    "properties": {
        "stringValue": TEXT,
        "boolValue": {"type": "boolean"},
        "intValue": {"type": "string", "pattern": "^-?[0-9]+$"},
        "bytesValue": {"type": "string", "contentEncoding": "base64"},
        "arrayValue": thing({"values": {"type": "array", "items": {"$ref": "#/$defs/value"}}}),
        "kvlistValue": thing({"values": {"$ref": "#/$defs/pairs"}}),
    },
}
PAIRS = {"$ref": "#/$defs/pairs"}
NANOSECONDS = {"type": "string", "pattern": "^[0-9]+$"}
LOGS_DATA = {
    "$defs": {
        "value": ANY_VALUE,
        "pairs": {"type": "array", "items": thing({"key": TEXT, "value": {"$ref": "#/$defs/value"}})},
    },
    **thing(
        {
            "resourceLogs": {
                "type": "array",
                "items": thing(
                    {
                        "resource": thing({"attributes": PAIRS}),
                        "scopeLogs": {
                            "type": "array",
                            "items": thing(
                                {
                                    "scope": thing({"name": TEXT, "attributes": PAIRS}),
                                    "logRecords": {
                                        "type": "array",
                                        "minItems": 1,
                                        "maxItems": otel.BATCH,
                                        "items": thing(
                                            {
                                                "timeUnixNano": NANOSECONDS,
                                                "observedTimeUnixNano": NANOSECONDS,
                                                "severityNumber": {"type": "integer", "minimum": 1, "maximum": 24},
                                                "severityText": TEXT,
                                                "eventName": TEXT,
                                                "body": {"$ref": "#/$defs/value"},
                                                "attributes": PAIRS,
                                            }
                                        ),
                                    },
                                }
                            ),
                        },
                    }
                ),
            }
        }
    ),
}  # fmt: skip


def read_value(value: dict[str, Any]) -> Any:
    """What an ``AnyValue`` says, read as a collector would."""
    match value:
        case {"kvlistValue": {"values": pairs}}:
            return {pair["key"]: read_value(pair["value"]) for pair in pairs}
        case {"arrayValue": {"values": values}}:
            return [read_value(item) for item in values]
        case {"intValue": text}:
            return int(text)
        case {"bytesValue": text}:
            return base64.b64decode(text)
        case {"stringValue": plain_value} | {"boolValue": plain_value}:
            return plain_value
        case _:
            return None


def test_otel_has_the_published_shape_and_loses_nothing(rich: Path, tmp_path: Path) -> None:
    documents = exported(rich, "otel", out=tmp_path / "x")
    for document in documents:
        jsonschema.validate(document, LOGS_DATA, cls=jsonschema.Draft202012Validator)
    (resource,) = documents[0]["resourceLogs"]
    (scope,) = resource["scopeLogs"]
    records = records_of(rich)
    for found, record in zip(scope["logRecords"], records, strict=True):
        expected = {**record.attributes}
        if record.kind in {"d", "odd"}:
            expected.pop("big", None)
        body = read_value(found["body"])
        body.pop("big", None)
        assert body == expected
        assert found["eventName"] == record.kind
        assert found["timeUnixNano"] == str((record.hlc >> 16) * 1_000_000)
    last = {pair["key"]: read_value(pair["value"]) for pair in scope["logRecords"][6]["attributes"]}
    assert last["ledger.seq"] == 6
    assert last["ledger.chain_digest"] == records[6].digest.hex()
    odd = scope["logRecords"][6]["body"]["kvlistValue"]["values"]
    assert {"key": "big", "value": {"stringValue": str(2**64 - 1)}} in odd
    assert {"key": "low", "value": {"intValue": str(-(2**63))}} in odd


def test_otel_begins_a_document_for_another_node_and_a_full_one() -> None:
    def record(seq: int, node: str) -> Record:
        return Record(1, seq, seq << 16, node, "", "", "", "k", {}, None, None, b"", digest(b""))

    key = Signer("o", bytes(32)).public
    many = [record(n, "a") for n in range(otel.BATCH + 1)] + [record(0, "b")]
    sizes = [
        len(document["resourceLogs"][0]["scopeLogs"][0]["logRecords"])  # type: ignore[index,call-overload]
        for document in otel.batches(many, key)
    ]
    assert sizes == [otel.BATCH, 1, 1]
