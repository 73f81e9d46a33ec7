"""Records as OpenTelemetry log records, in OTLP's JSON encoding.

Each line is one ``LogsData`` document (as OTLP file exporters write them) with at most
``BATCH`` records of one node. The JSON encoding of protobuf holds: 64-bit integers as decimal
text, bytes as base64, enumerations as numbers, names in lower camel case.

A record's body holds the attributes; its kind is the event's name. What says who, where and how
it is bound stands in attributes under ``ledger.``. An integer beyond 2^63 - 1 has no place in
OTLP and becomes text. A null becomes a value that is empty.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from ledger.evidence.plain import COUNTER_BITS, Plain, milliseconds
from ledger.form.canonical import Json
from ledger.form.record import Record
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import leaf_hash
from ledger.trust.note import encode64

BATCH: Final = 512
_INFO: Final = 9
_MAX_INT: Final = 2**63 - 1
_NS_PER_MS: Final = 1_000_000
_MAX_NS: Final = 2**64 - 1


def batches(records: Iterable[Record], key: PublicKey) -> Iterator[dict[str, Plain]]:
    """Documents of ``records`` of the ledger that ``key`` signs."""
    node, waiting = "", list[Plain]()
    for record in records:
        if waiting and (len(waiting) >= BATCH or record.node != node):
            yield _document(waiting, node, key)
            waiting = []
        node = record.node
        waiting.append(_log_record(record))
    if waiting:
        yield _document(waiting, node, key)


def _document(records: list[Plain], node: str, key: PublicKey) -> dict[str, Plain]:
    resource: dict[str, Json] = {"service.name": "os2shell ledger", "host.name": node}
    scope: dict[str, Json] = {"ledger.origin": key.name, "ledger.public_key": str(key)}
    return {
        "resourceLogs": [
            {
                "resource": {"attributes": _pairs(resource)},
                "scopeLogs": [
                    {
                        "scope": {"name": "os2shell.ledger", "attributes": _pairs(scope)},
                        "logRecords": records,
                    }
                ],
            }
        ]
    }


def _log_record(record: Record) -> dict[str, Plain]:
    time = str(min(milliseconds(record) * _NS_PER_MS, _MAX_NS))
    attributes: dict[str, Json] = {
        "ledger.seq": record.seq,
        "ledger.hlc.counter": record.hlc & ((1 << COUNTER_BITS) - 1),
        "ledger.session": record.session,
        "ledger.actor": record.actor,
        "ledger.token": record.token,
        "ledger.leaf_hash": leaf_hash(record.body).hex(),
        "ledger.chain_digest": record.digest.hex(),
    }
    for name, digest in (("payload", record.payload), ("commitment", record.commitment)):
        if digest is not None:
            attributes[f"ledger.{name}"] = digest.hex()
    return {
        "timeUnixNano": time,
        "observedTimeUnixNano": time,
        "severityNumber": _INFO,
        "severityText": "INFO",
        "eventName": record.kind,
        "body": _value(record.attributes),
        "attributes": _pairs(attributes),
    }


def _pairs(values: dict[str, Json]) -> list[Plain]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Json) -> dict[str, Plain]:  # noqa: PLR0911 - one for each kind of value
    """An ``AnyValue``."""
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int() if value <= _MAX_INT:
            return {"intValue": str(value)}
        case int() | str():
            return {"stringValue": str(value)}
        case bytes():
            return {"bytesValue": encode64(value)}
        case list():
            return {"arrayValue": {"values": [_value(item) for item in value]}}
        case dict():
            return {"kvlistValue": {"values": _pairs(value)}}
