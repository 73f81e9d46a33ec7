"""An evidence bundle (``.os2z``): some records, their proofs, their objects, in one file.

A zip of ``manifest.json``, ``checkpoint``, ``records/<seq>.body`` and ``objects/<hex>``, in this
order, laid out as ``archive`` says. The manifest holds the schema, the public keys, the metadata,
and for each record its Merkle inclusion proof, so a reader needs neither the ledger nor this
machine. Schema 1 had one key, as entry ``public_key``; it is still read.

Reading believes nothing: the file must be byte for byte what its content makes it, the checkpoint
must be signed, every proof must lead to its root, every object must have its digest. The metadata
is the exporter's word and nobody's signature.

The chain digest of a single record cannot be shown without its predecessors; ``Record.digest`` is
``NO_DIGEST`` in a bundle, unless the records run from 0 without gap. A bundle of all records must
reach the chain digest that is signed.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from ledger.errors import BundleError, DamagedError, LedgerError
from ledger.evidence import lineage
from ledger.evidence.archive import MAX_ENTRIES, Archive, ArchiveWriter, open_archive
from ledger.evidence.bundle_objects import PREFIX, BundleObjects, entry
from ledger.evidence.lineage import Lineage
from ledger.evidence.placing import placed
from ledger.form.canonical import Digest, Json
from ledger.form.record import CREATED, ENDORSED, MAX_BODY_BYTES, Record, genesis, link, unsealed
from ledger.trust import checkpoint
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.endorsement import KeyHistory, Pin, judge
from ledger.trust.epochs import Epochs
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import HASH_BYTES, InclusionProof, leaf_hash, verify_inclusion

if TYPE_CHECKING:
    from ledger.chain.log import TokenSignatureLedger

SCHEMA: Final = "os2.evidence/2"
SCHEMA_1: Final = "os2.evidence/1"
NO_DIGEST: Final = Digest(bytes(HASH_BYTES))
MAX_MANIFEST_BYTES: Final = 256 * 1024 * 1024
MAX_CONTENTS: Final = MAX_ENTRIES - 20_000  # what is left is for rotated keys
_SMALL: Final = 64 * 1024
_FIELDS: Final = {
    SCHEMA: {"schema", "keys", "metadata", "records"},
    SCHEMA_1: {"schema", "metadata", "records"},
}


@dataclass(frozen=True, slots=True)
class Bundle:
    """Verified evidence; close it (or use ``with``) when the objects are no longer needed."""

    records: tuple[Record, ...]
    objects: BundleObjects
    checkpoint: Checkpoint
    signer: PublicKey
    trusted: bool
    metadata: Mapping[str, Json]
    schema: str
    epochs: Epochs

    def __enter__(self) -> Self:
        """Use as a context manager."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.objects.close()


def write_bundle(
    path: Path,
    ledger: "TokenSignatureLedger",
    seqs: Iterable[int],
    objects: Iterable[Digest] = (),
    metadata: Mapping[str, Json] | None = None,
) -> None:
    """Write records ``seqs`` with proofs and ``objects`` to ``path``, whole or not at all."""
    signed, keys = ledger.checkpoint, Lineage(ledger)
    assert signed is not None
    chosen, names = sorted(set(seqs)), sorted(set(objects))
    if len(chosen) + len(names) > MAX_CONTENTS:
        raise _too_much(f"{MAX_CONTENTS} records and objects", len(chosen) + len(names))
    proofs = ledger.prove_all(chosen)
    rows = [{"seq": seq, "proof": [part.hex() for part in proofs[seq].hashes]} for seq in chosen]
    manifest = _manifest(
        {
            "schema": SCHEMA,
            "keys": keys.rows,
            "metadata": dict(metadata or {}),
            "records": rows,
        }
    )
    if len(manifest) > MAX_MANIFEST_BYTES:
        raise _too_much(f"proofs of {MAX_MANIFEST_BYTES} bytes", len(manifest))
    with placed(path) as file:
        writer = ArchiveWriter(file)
        writer.add("manifest.json", manifest)
        writer.add("checkpoint", signed.note)
        keys.write(writer)
        for record in records_of(ledger, chosen):
            writer.add(_record_entry(record.seq), record.body)
        for name in names:
            with ledger.objects.open(name) as source:
                writer.add_stream(entry(name), source.read)
        writer.finish()


def read_bundle(path: Path, public_key: Pin | None = None) -> Bundle:
    """Open and verify a bundle; without a key, by the keys inside, and ``trusted`` is False.

    ``public_key`` may be that of any epoch, a table of epochs, or the root's, provided that the
    records in the bundle include its endorsement of all epochs.
    """
    try:
        archive = open_archive(path, _is_streamed)
    except OSError as problem:
        raise BundleError(
            f"expected an evidence bundle at {path}, found: {problem.strerror}"
        ) from problem
    try:
        return _verified(archive, public_key)
    except LedgerError:
        archive.close()
        raise
    except (OSError, ValueError, RecursionError) as problem:
        archive.close()
        raise BundleError(f"expected a whole bundle at {path}, found: {problem}") from problem


def records_of(ledger: "TokenSignatureLedger", seqs: list[int]) -> Iterator[Record]:
    """The records ``seqs``, ascending; one start of reading for each run without gap.

    Of a pruned prefix there are record 0 and those about keys; others are a ``PrunedError``.
    """
    kept = [seq for seq in seqs if seq < ledger.first]
    yield from map(ledger.record, kept)
    start, rest = 0, seqs[len(kept) :]
    for at in range(1, len(rest) + 1):
        if at == len(rest) or rest[at] != rest[at - 1] + 1:
            yield from ledger.read(rest[start], rest[at - 1] + 1)
            start = at


def _verified(archive: Archive, pin: Pin | None) -> Bundle:
    manifest = _parsed(archive.read("manifest.json", MAX_MANIFEST_BYTES))
    schema = str(manifest["schema"])
    head = ["manifest.json", "checkpoint"]
    if schema == SCHEMA_1:
        head.append("public_key")
        epochs = Epochs.begun(_text_key(archive.read("public_key", _SMALL)))
    else:
        epochs = lineage.read(archive, manifest["keys"])
        head += [name for number in range(1, len(epochs)) for name in lineage.entries(number)]
    signed = checkpoint.confirmed(archive.read("checkpoint", _SMALL), epochs)
    if epochs.at(signed.size) != epochs.current:
        raise BundleError(f"expected a head of the newest key, {epochs.current.key}, found another")
    rows, metadata = manifest["records"], manifest["metadata"]
    if not isinstance(rows, list) or not isinstance(metadata, dict):
        raise BundleError(
            "expected metadata as object and records as array in manifest.json, found others"
        )
    records = tuple(_records(archive, rows, signed))
    _check_history(records, signed, epochs.rows[0].key)
    if pin is not None:
        _require_vouched(pin, _keys_shown(epochs, records), signed.size)
    objects = BundleObjects(archive)
    expected = head + [_record_entry(record.seq) for record in records]
    expected += [entry(name) for name in sorted(objects.names())]
    if list(archive.members) != expected:
        raise BundleError("expected the entries of the manifest in their order, found others")
    for name in objects.names():
        objects.check(name)
    signer = epochs.current.key
    return Bundle(records, objects, signed, signer, pin is not None, metadata, schema, epochs)


def _too_much(limit: str, found: int) -> BundleError:
    return BundleError(f"expected at most {limit} in a bundle, found {found}; choose fewer records")


def _manifest(value: dict[str, object]) -> bytes:
    try:
        return json.dumps(value, sort_keys=True, indent=1, allow_nan=False).encode()
    except (TypeError, ValueError) as problem:
        raise BundleError(f"expected metadata that JSON can hold: {problem}") from problem


def _parsed(data: bytes) -> dict[str, object]:
    """The manifest, in its one spelling."""
    manifest = json.loads(data)
    if not isinstance(manifest, dict) or str(manifest.get("schema")) not in _FIELDS:
        raise BundleError(f"expected schema {SCHEMA} in manifest.json, found another")
    if manifest.keys() != _FIELDS[manifest["schema"]]:
        raise BundleError(f"expected other fields in manifest.json, found {sorted(manifest)}")
    if _manifest(manifest) != data:
        raise BundleError("expected manifest.json as this library writes it, found other spelling")
    return manifest


def _text_key(data: bytes) -> PublicKey:
    key = PublicKey.parse(data.decode())
    if f"{key}\n".encode() != data:
        raise BundleError("expected public_key as one line, found another spelling")
    return key


def _require_vouched(pin: Pin, history: KeyHistory, size: int) -> None:
    try:
        judge(pin, history, size)
    except DamagedError as problem:
        raise BundleError(f"expected evidence of the key you gave: {problem.reason}") from problem


def _keys_shown(epochs: Epochs, records: tuple[Record, ...]) -> KeyHistory:
    """What the bundle shows of the log's keys: their table, a root, and endorsements."""
    root, notes = None, list[tuple[int, bytes]]()
    for record in records:
        named = record.attributes.get("root_key")
        if record.seq == 0 and isinstance(named, str):
            root = PublicKey.parse(named)
        note = record.attributes.get("note")
        if record.kind == ENDORSED and isinstance(note, str):
            notes.append((record.seq, note.encode()))
    return KeyHistory(epochs, root, tuple(notes))


def _records(archive: Archive, rows: list[object], signed: Checkpoint) -> Iterator[Record]:
    chain, last = genesis(signed.origin), -1
    gapless = True
    for row in rows:
        seq, proof = _row(row, signed.size)
        if seq <= last:
            raise BundleError(f"expected records in order, found {seq} after {last}")
        body = archive.read(_record_entry(seq), MAX_BODY_BYTES)
        verify_inclusion(proof, leaf_hash(body), signed.root)
        gapless, last = gapless and seq == last + 1, seq
        chain = link(chain, body) if gapless else NO_DIGEST
        record = unsealed(body, chain)
        if record.seq != seq:
            raise BundleError(f"expected record {seq}, found a body of record {record.seq}")
        yield record
    if gapless and last + 1 == signed.size and chain != signed.chain:
        raise BundleError(
            f"expected chain digest {signed.chain.hex()} after record {last}, found {chain.hex()}"
        )


def _check_history(records: tuple[Record, ...], signed: Checkpoint, key: PublicKey) -> None:
    """What records say about one another and about the log must agree with the checkpoint."""
    times = [0, *(record.hlc for record in records)]
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise BundleError("expected times that grow from record to record, found others")
    if times[-1] > signed.hlc:
        raise BundleError(f"expected times up to {signed.hlc}, as signed, found {times[-1]}")
    if records and records[0].seq == 0:
        first = records[0]
        named = (first.attributes.get("origin"), first.attributes.get("public_key"))
        if first.kind != CREATED or named != (key.name, str(key)):
            raise BundleError(f"expected record 0 to name {key}, found another key in it")


def _row(row: object, size: int) -> tuple[int, InclusionProof]:
    if not isinstance(row, dict) or row.keys() != {"seq", "proof"}:
        raise BundleError("expected seq and proof for each record in manifest.json, found others")
    seq = row["seq"]
    if type(seq) is not int or not 0 <= seq < size:
        raise BundleError(f"expected a record below {size}, found {seq!r}")
    return seq, lineage.proof_of(row["proof"], seq, size)


def _is_streamed(name: str) -> bool:
    return name.startswith(PREFIX)


def _record_entry(seq: int) -> str:
    return f"records/{seq}.body"
