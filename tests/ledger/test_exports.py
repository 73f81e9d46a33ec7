"""What the ledger writes for other tools, held against the forms they publish."""

import base64
import io
import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    EXPORTS,
    BundleError,
    Entry,
    KeyFile,
    LedgerError,
    MemoryStore,
    Signer,
    TokenSignatureLedger,
    digest,
    export_lines,
    read_bundle,
    rebuild,
    write_bundle,
    write_export,
)
from ledger.__main__ import main
from ledger.evidence import jsonl, ocsf, otel, plain, statement, verify_os2
from ledger.evidence.archive import open_archive
from ledger.form.record import Record
from ledger.trust.merkle import leaf_hash
from tests.ledger.faulty import Faults

PAYLOAD = b"the payload of record 3"
HEX = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


@pytest.fixture
def rich(open_ledger: Callable[[], TokenSignatureLedger], small: Path) -> Path:
    """The small ledger with a record of all values, some of them hard for JSON."""
    with open_ledger() as ledger:
        ledger.append(
            Entry(
                "odd",
                {
                    "big": 2**64 - 1,
                    "edge": 2**53 - 1,
                    "low": -(2**63),
                    "bytes": bytes(range(256)),
                    "text": '\u2028 \x00 \U0001f600 é "\\\u007f',
                    "\uffff": 1,
                    "\U00010000": 2,
                    "": None,
                    "flags": [True, False, []],
                },
                actor="a",
                session="s",
                token="t",
                commitment=bytes(range(32)),
            )
        )
    return small


def exported(directory: Path, form: str, *options: str, out: Path) -> list[Any]:
    """The documents of an export, one a line."""
    assert main(["export", str(directory), "--format", form, "--out", str(out), *options]) == 0
    return [json.loads(row) for row in out.read_bytes().splitlines()]


def records_of(directory: Path) -> list[Record]:
    with TokenSignatureLedger.read_only(directory) as ledger:
        return list(ledger.read())


# --- JSON Lines -------------------------------------------------------------------------------


def test_jsonl_says_everything(rich: Path, tmp_path: Path) -> None:
    rows = exported(rich, "jsonl", "--objects", out=tmp_path / "x")
    records = records_of(rich)
    assert [row["type"] for row in rows[:3]] == ["ledger", "segment", "record"]
    lines = (tmp_path / "x").read_bytes().splitlines(keepends=True)
    whole = digest(b"".join(lines[:-1])).hex()
    assert rows[-1] == {"type": "end", "lines": len(lines) - 1, "blake3": whole}
    found = [row for row in rows if row["type"] == "record"]
    assert [base64.b64decode(row["body"]) for row in found] == [r.body for r in records]
    assert [row["chain"] for row in found] == [r.digest.hex() for r in records]
    assert found[1]["attributes"] == {"n": 1}
    assert found[1]["time"] == "2023-11-14T22:13:20.000Z"
    assert found[6]["attributes"]["big"] == str(2**64 - 1)
    assert found[6]["attributes"]["edge"] == 2**53 - 1
    assert found[6]["attributes"]["bytes"] == {
        "base64": base64.b64encode(bytes(range(256))).decode()
    }
    assert found[6]["commitment"] == bytes(range(32)).hex()
    objects = [row for row in rows if row["type"] == "object"]
    assert [base64.b64decode(row["data"]) for row in objects] == [PAYLOAD]
    with TokenSignatureLedger.read_only(rich) as ledger:
        notes = [row["note"] for row in rows if row["type"] == "checkpoint"]
        assert ledger.checkpoint is not None
        assert notes[-1].encode() == ledger.checkpoint.note


def test_a_part_of_a_ledger(rich: Path, tmp_path: Path) -> None:
    rows = exported(rich, "jsonl", "--from", "2", "--to", "4", "--objects", out=tmp_path / "x")
    assert [row["type"] for row in rows] == [
        "ledger",
        "record",
        "record",
        "checkpoint",
        "object",
        "end",
    ]
    assert [row["seq"] for row in rows if row["type"] == "record"] == [2, 3]
    assert rows[0]["full"] is False


# --- OCSF -------------------------------------------------------------------------------------


def thing(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """An object of OCSF: these attributes and no others."""
    properties = {**required, **(optional or {})}
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
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


# --- OpenTelemetry ----------------------------------------------------------------------------

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


# --- in-toto ----------------------------------------------------------------------------------


@pytest.fixture
def key_file(signer: Signer, tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "log"
    path.parent.mkdir(mode=0o700)
    path.write_text(signer.secret_text())
    path.chmod(0o600)
    return path


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


# --- the page ---------------------------------------------------------------------------------


def test_the_page_shows_these_bytes(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "ledger-format.md").read_text("utf-8")
    blocks = page.replace("\n    ", "\n")
    golden = Path(__file__).parent / "golden" / "v1"
    path = tmp_path / "x.os2z"
    with TokenSignatureLedger.read_only(golden) as ledger:
        write_bundle(path, ledger, [1], [digest(PAYLOAD)], {"case": "7"})
        row = jsonl.record_line(ledger.record(1)).decode()
    assert row.replace('"kind"', '\n"kind"') in blocks
    data, archive = path.read_bytes(), open_archive(path, lambda name: name.startswith("objects/"))
    assert archive.read("manifest.json", 1000).decode() in blocks
    for name in ("records/1.body", f"objects/{digest(PAYLOAD).hex()}"):
        member = archive.members[name]
        assert data[member.start : member.offset].hex(" ") in blocks
    assert f"\n{data[-22:].hex(' ')}\n" in blocks
    archive.close()


# --- files, and the command -------------------------------------------------------------------


def test_a_bundle_and_its_verifier(rich: Path, tmp_path: Path) -> None:
    out, script = tmp_path / "x.os2z", tmp_path / "v.py"
    options = ["--format", "bundle", "--objects", "--out", str(out), "--verifier", str(script)]
    assert main(["export", str(rich), *options]) == 0
    with read_bundle(out) as bundle:
        assert len(bundle.records) == 7
        assert bundle.objects.get(digest(PAYLOAD)) == PAYLOAD
    ran = subprocess.run([sys.executable, str(script), str(out)], capture_output=True, check=False)
    assert ran.returncode == 0, ran


def test_a_car(rich: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.car"
    assert main(["export", str(rich), "--format", "car", "--objects", "--out", str(out)]) == 0
    assert PAYLOAD in out.read_bytes()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 2),
        (["--format", "jsonl"], 2),
        (["LOG"], 2),
        (["LOG", "--format", "bundle"], 2),
        (["LOG", "--format", "in-toto"], 2),
        (["LOG", "--format", "ocsf", "--objects"], 2),
        (["LOG", "--format", "ocsf", "--from", "9"], 2),
        (["LOG", "--format", "ocsf", "--from", "2", "--to", "2"], 2),
        (["LOG", "--format", "ocsf", "--from", "-1"], 2),
        (["LOG", "--format", "ocsf", "--out", "LOG"], 2),
        (["NONE", "--format", "ocsf"], 4),
        (["NONE", "--format", "jsonl"], 4),
        (["LOG", "--format", "ocsf", "--out", "NONE/x"], 4),
    ],
)
def test_misuse(options: list[str], code: int, small: Path, tmp_path: Path) -> None:
    named = {"LOG": str(small), "NONE": str(tmp_path / "none"), "NONE/x": str(tmp_path / "none/x")}
    assert main(["export", *(named.get(word, word) for word in options)]) == code
    assert not list(tmp_path.glob("**/.*"))


def test_nothing_is_written_over(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "x"
    out.write_text("mine")
    for form in ("jsonl", "bundle"):
        assert main(["export", str(small), "--format", form, "--out", str(out)]) == 2
    assert main(["export", "--verifier", str(out)]) == 2
    assert out.read_text() == "mine"


@pytest.mark.parametrize("form", ["jsonl", "ocsf", "otel"])
def test_a_damaged_ledger_is_not_exported(form: str, small: Path, tmp_path: Path) -> None:
    path = next((small / "segments").iterdir())
    data = bytearray(path.read_bytes())
    data[400] ^= 1
    path.write_bytes(data)
    assert main(["export", str(small), "--format", form, "--out", str(tmp_path / "x")]) == 1
    assert not (tmp_path / "x").exists()


def test_the_wrong_key_is_refused(small: Path, tmp_path: Path) -> None:
    other = str(Signer("test.example/log", bytes(32)).public)
    for form in ("jsonl", "ocsf"):
        options = ["--format", form, "--pubkey", other, "--out", str(tmp_path / "x")]
        assert main(["export", str(small), *options]) != 0
        assert not (tmp_path / "x").exists()


def test_standard_output(small: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "ledger", "export", str(small), "--format", "jsonl"],
        capture_output=True,
        check=True,
    )
    exported(small, "jsonl", out=tmp_path / "x")
    assert ran.stdout == (tmp_path / "x").read_bytes()


@given(st.integers(0, 2**64 - 1))
def test_any_time_can_be_shown(hlc: int) -> None:
    record = Record(1, 0, hlc, "", "", "", "", "k", {}, None, None, b"", digest(b""))
    shown = plain.instant(record)
    assert shown is None or (shown.endswith("Z") and len(shown) == 24)
    assert shown is not None or hlc >> 16 > 253_402_300_799_000


@pytest.mark.slow
def test_memory_stays_flat(signer: Signer, tmp_path: Path) -> None:
    """Ten times the records, the same memory."""
    peaks: list[int] = []
    for count in (10_000, 100_000):
        folder = tmp_path / str(count)
        with TokenSignatureLedger.open(folder, signer, clock=lambda: 0, node="n") as ledger:
            for _ in range(count // 1000):
                ledger.append(*(Entry("k", {"text": "x" * 300}) for _ in range(1000)))
        code = (
            "import sys, resource\nfrom ledger.__main__ import main\n"
            "sys.stdout = open('/dev/null', 'w')\n"
            f"code = main(['export', {str(folder)!r}, '--format', sys.argv[1]])\n"
            "print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
        )
        for form in ("jsonl", "ocsf", "otel"):
            ran = subprocess.run(
                [sys.executable, "-c", code, form], capture_output=True, text=True, check=False
            )
            assert ran.stderr.startswith("0 "), ran
            peaks.append(int(ran.stderr.split()[1]))
    for before, after in zip(peaks[:3], peaks[3:], strict=True):
        assert after - before < 16 * 1024, peaks


def test_the_library_by_itself(rich: Path, tmp_path: Path) -> None:
    with TokenSignatureLedger.read_only(rich) as ledger:
        for form in EXPORTS:
            write_export(tmp_path / form, form, ledger, [1, 3, 4], [digest(PAYLOAD)])
            assert (tmp_path / form).stat().st_size > 100
        for form in ("jsonl", "ocsf", "otel"):
            whole = b"".join(export_lines(form, ledger))
            write_export(tmp_path / f"all-{form}", form, ledger)
            assert (tmp_path / f"all-{form}").read_bytes() == whole
        write_export(tmp_path / "all", "bundle", ledger)
        with pytest.raises(BundleError, match="one of"):
            export_lines("pdf", ledger, [1])
    with read_bundle(tmp_path / "bundle") as found:
        assert [record.seq for record in found.records] == [1, 3, 4]
    with read_bundle(tmp_path / "all") as found:
        assert len(found.records) == 7


def test_unsigned_memory_exports_nothing() -> None:
    ledger = TokenSignatureLedger(MemoryStore(), clock=lambda: 0, node="n")
    with pytest.raises(BundleError, match="signed"):
        export_lines("ocsf", ledger)


def test_a_ledger_in_memory_exports_too(signer: Signer) -> None:
    ledger = TokenSignatureLedger(MemoryStore(), signer, clock=lambda: 0, node="n")
    ledger.append(Entry("a", {}))
    rows = [json.loads(row) for row in export_lines("jsonl", ledger)]
    assert [row["type"] for row in rows] == ["ledger", "record", "record", "checkpoint", "end"]


def test_too_many_subjects(open_ledger: Callable[[], TokenSignatureLedger], signer: Signer) -> None:
    with open_ledger() as ledger:
        for _ in range(10):
            ledger.append(*(Entry("k", {}) for _ in range(1000)))
        with pytest.raises(BundleError, match="choose fewer"):
            statement.envelope(ledger, signer, ledger.read())


def test_whatever_a_rotation_leaves_can_be_exported(tmp_path: Path) -> None:
    """A key that was named, and whose first head was never written, signs no export."""
    key = KeyFile.create(tmp_path / "keys" / "log", "test.example/log")
    first, call, fired, unsigned = key.public, 0, "any", 0
    while fired:
        call += 1
        shutil.copytree(tmp_path / "keys", tmp_path / f"{call}" / "keys")
        mine = KeyFile(tmp_path / f"{call}" / "keys" / "log")
        log = tmp_path / f"{call}" / "log"
        ticks = itertools.count(10**18, 10**6).__next__
        with TokenSignatureLedger.open(log, mine, clock=ticks, node="n") as ledger:
            ledger.append(Entry("a", {}))
            with Faults(log, call) as faults, suppress(LedgerError):
                ledger.rotate()
            fired = faults.fired
        with TokenSignatureLedger.open(log, mine, clock=ticks, node="n") as ledger:
            assert ledger.keys is not None
            unsigned += ledger.head.size == ledger.keys.epochs.current.first > 0
            lines = b"".join(export_lines("jsonl", ledger))
            root = ledger.head.root
        assert rebuild(io.BytesIO(lines), tmp_path / f"{call}" / "made", first).root == root
    assert unsigned, "no fault fell between the rotation and the first head of the new key"
