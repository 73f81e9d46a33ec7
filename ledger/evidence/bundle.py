"""An evidence bundle (``.os2z``): some records, their proofs, their objects, in one file.

A deterministic zip, stored without compression, of ``manifest.json``, ``checkpoint``,
``public_key``, ``records/<seq>.body`` and ``objects/<hex>``. The manifest holds the schema, the
metadata and for each record its Merkle inclusion proof, so a reader needs neither the ledger nor
this machine.

Reading believes nothing: names, sizes and counts are limited, entries must be plain and unique,
the checkpoint must be signed, every proof must lead to its root, every object must have its
digest. The chain digest of a single record cannot be shown without its predecessors;
``Record.digest`` is ``NO_DIGEST`` in a bundle, unless the records run from 0 without gap.
"""

import json
import os
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Self, cast

from blake3 import blake3

from ledger.errors import BundleError, DiskFull, DurabilityError, LedgerError
from ledger.form import canonical
from ledger.form.canonical import Digest, Json
from ledger.form.record import CREATED, MAX_BODY_BYTES, Record, genesis, link, unsealed
from ledger.storage.file_objects import NO_ROOM, sync_directory
from ledger.storage.objects import CHUNK_BYTES, Reader, damaged, missing
from ledger.trust import checkpoint
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import InclusionProof, leaf_hash, verify_inclusion

if TYPE_CHECKING:
    from ledger.chain.log import TokenSignatureLedger

SCHEMA: Final = "os2.evidence/1"
NO_DIGEST: Final = Digest(bytes(32))
MAX_ENTRIES: Final = 200_000
MAX_MANIFEST_BYTES: Final = 256 * 1024 * 1024
MAX_OBJECT_BYTES: Final = 8 * 1024**3
MAX_TOTAL_BYTES: Final = 64 * 1024**3
MAX_PROOF_HASHES: Final = 64
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = 0o100644 << 16
_SMALL: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Bundle:
    """Verified evidence; close it (or use ``with``) when the objects are no longer needed."""

    records: tuple[Record, ...]
    objects: "BundleObjects"
    checkpoint: Checkpoint
    signer: PublicKey
    trusted: bool
    metadata: Mapping[str, Json]

    def __enter__(self) -> Self:
        """Use as a context manager."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.objects.close()


class BundleObjects:
    """The objects of a bundle, read from its file when asked for; nothing can be added."""

    def __init__(self, archive: zipfile.ZipFile, names: frozenset[Digest]) -> None:
        """Serve ``names`` from ``archive``."""
        self._archive = archive
        self._names = names

    def put(self, data: bytes) -> Digest:
        """Only what is here already can be put."""
        name = canonical.digest(data)
        if name in self._names:
            return name
        raise BundleError("expected no new object in a bundle, found one; lay a store over it")

    def put_stream(self, reader: Reader) -> Digest:
        """Only what is here already can be put."""
        hasher = blake3()
        while part := reader(CHUNK_BYTES):
            hasher.update(part)
        name = Digest(hasher.digest())
        if name in self._names:
            return name
        raise BundleError("expected no new object in a bundle, found one; lay a store over it")

    def get(self, name: Digest) -> bytes:
        """The content, hashed again."""
        with self.open(name) as file:
            return file.read()

    def open(self, name: Digest) -> BinaryIO:
        """The content as a stream, verified whole first."""
        if name not in self._names:
            raise missing(name)
        self.check(name)
        return cast("BinaryIO", self._archive.open(_object_entry(name)))

    def has(self, name: Digest) -> bool:
        """Whether the bundle holds ``name``."""
        return name in self._names

    def flush(self) -> None:
        """Nothing is ever pending."""

    def names(self) -> frozenset[Digest]:
        """The digests of all objects here."""
        return self._names

    def check(self, name: Digest) -> None:
        """Refuse unless the object's bytes have its digest."""
        hasher = blake3()
        try:
            with self._archive.open(_object_entry(name)) as file:
                while part := file.read(CHUNK_BYTES):
                    hasher.update(part)
        except (zipfile.BadZipFile, EOFError, OSError) as problem:
            raise BundleError(f"expected object {name.hex()}, found: {problem}") from problem
        if hasher.digest() != name:
            raise damaged(name, hasher.digest())

    def close(self) -> None:
        """Release the file."""
        self._archive.close()


def write_bundle(
    path: Path,
    ledger: "TokenSignatureLedger",
    seqs: Iterable[int],
    objects: Iterable[Digest] = (),
    metadata: Mapping[str, Json] | None = None,
) -> None:
    """Write records ``seqs`` with proofs and ``objects`` to ``path``, whole or not at all."""
    signed, key = ledger.checkpoint, ledger.public_key
    if signed is None or key is None:
        raise BundleError("expected a signed ledger, found one without checkpoint")
    chosen = sorted(set(seqs))
    proofs = ledger.prove_all(chosen)
    rows: list[dict[str, object]] = [
        {"seq": seq, "proof": [value.hex() for value in proofs[seq].hashes]} for seq in chosen
    ]
    manifest = {"schema": SCHEMA, "metadata": dict(metadata or {}), "records": rows}
    spare = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        text = json.dumps(manifest, sort_keys=True, indent=1)
        with spare.open("xb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                _add(archive, "manifest.json", text.encode())
                _add(archive, "checkpoint", signed.note)
                _add(archive, "public_key", f"{key}\n".encode())
                for seq in chosen:
                    _add(archive, _record_entry(seq), ledger.record(seq).body)
                for name in sorted(set(objects)):
                    _copy_object(archive, ledger, name)
            file.flush()
            os.fsync(file.fileno())
        spare.rename(path)
        sync_directory(path.parent)
    except TypeError as problem:
        raise BundleError(f"expected metadata that JSON can hold: {problem}") from problem
    except OSError as problem:
        kind = DiskFull if problem.errno in NO_ROOM else DurabilityError
        raise kind(f"expected to write {path}, found: {problem.strerror}; make room") from problem
    finally:
        spare.unlink(missing_ok=True)


def read_bundle(path: Path, public_key: PublicKey | None = None) -> Bundle:
    """Open and verify a bundle; without a key, by the key inside, and ``trusted`` is False."""
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as problem:
        raise BundleError(f"expected an evidence bundle at {path}, found: {problem}") from problem
    try:
        return _read(archive, public_key)
    except LedgerError:
        archive.close()
        raise
    except (
        OSError,
        ValueError,
        RecursionError,
        zipfile.BadZipFile,
        NotImplementedError,
    ) as problem:
        archive.close()
        raise BundleError(f"expected a whole bundle at {path}, found: {problem}") from problem


def _read(archive: zipfile.ZipFile, public_key: PublicKey | None) -> Bundle:
    entries = _entries(archive)
    manifest = json.loads(_content(archive, entries, "manifest.json", MAX_MANIFEST_BYTES))
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        raise BundleError(f"expected schema {SCHEMA} in manifest.json, found another")
    text = _content(archive, entries, "public_key", _SMALL).decode()
    claimed = PublicKey.parse(text)
    if public_key is not None and claimed != public_key:
        raise BundleError(f"expected evidence of key {public_key}, found evidence of {claimed}")
    signed = checkpoint.verified(_content(archive, entries, "checkpoint", _SMALL), claimed)
    rows, metadata = manifest.get("records"), manifest.get("metadata")
    if not isinstance(rows, list) or not isinstance(metadata, dict) or len(manifest) != 3:  # noqa: PLR2004
        raise BundleError("expected schema, metadata and records in manifest.json")
    records = _records(archive, entries, rows, signed)
    names = frozenset(_object_name(name) for name in entries if name.startswith("objects/"))
    if len(entries) != 3 + len(records) + len(names):  # manifest, checkpoint and key
        raise BundleError("expected only records and objects of the manifest, found other entries")
    objects = BundleObjects(archive, names)
    for name in names:
        objects.check(name)
    return Bundle(records, objects, signed, claimed, public_key is not None, metadata)


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    found = archive.infolist()
    if len(found) > MAX_ENTRIES:
        raise BundleError(f"expected at most {MAX_ENTRIES} entries, found {len(found)}")
    entries: dict[str, zipfile.ZipInfo] = {}
    total = 0
    for info in found:
        plain = info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1
        if not plain or info.file_size != info.compress_size or info.is_dir():
            raise BundleError(f"expected stored, plain entries, found {info.filename[:80]!r}")
        total += info.file_size
        if info.file_size > MAX_OBJECT_BYTES or total > MAX_TOTAL_BYTES:
            raise BundleError(f"expected less content, found {info.filename[:80]!r} beyond a limit")
        if info.filename in entries:
            raise BundleError(f"expected unique names, found {info.filename[:80]!r} twice")
        entries[info.filename] = info
    return entries


def _content(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], name: str, limit: int
) -> bytes:
    info = entries.get(name)
    if info is None or info.file_size > limit:
        raise BundleError(f"expected an entry {name} of at most {limit} bytes, found none")
    return archive.read(info)


def _records(
    archive: zipfile.ZipFile,
    entries: dict[str, zipfile.ZipInfo],
    rows: list[object],
    signed: Checkpoint,
) -> tuple[Record, ...]:
    encoder = canonical.packer()
    records: list[Record] = []
    chain: Digest | None = None
    for row in rows:
        seq, proof = _row(row, signed.size)
        if records and seq <= records[-1].seq:
            raise BundleError(f"expected records in order, found {seq} after {records[-1].seq}")
        body = _content(archive, entries, _record_entry(seq), MAX_BODY_BYTES)
        verify_inclusion(proof, leaf_hash(body), signed.root)
        record = unsealed(encoder, body, NO_DIGEST)
        if record.seq != seq:
            raise BundleError(f"expected record {seq}, found a body of record {record.seq}")
        if seq == 0 and record.kind == CREATED:
            chain = genesis(signed.origin)
        chain = link(chain, body) if chain is not None and seq == len(records) else None
        records.append(unsealed(encoder, body, chain if chain is not None else NO_DIGEST))
    return tuple(records)


def _row(row: object, size: int) -> tuple[int, InclusionProof]:
    if not isinstance(row, dict) or row.keys() != {"seq", "proof"}:
        raise BundleError("expected seq and proof for each record in manifest.json")
    seq, proof = row["seq"], row["proof"]
    if type(seq) is not int or not 0 <= seq < size:
        raise BundleError(f"expected a record below {size}, found {seq!r}")
    if not isinstance(proof, list) or len(proof) > MAX_PROOF_HASHES:
        raise BundleError(f"expected a proof of at most {MAX_PROOF_HASHES} hashes for record {seq}")
    if not all(isinstance(value, str) for value in proof):
        raise BundleError(f"expected hashes in hex for record {seq}")
    return seq, InclusionProof(seq, size, tuple(bytes.fromhex(value) for value in proof))


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(_info(name), data)


def _copy_object(archive: zipfile.ZipFile, ledger: "TokenSignatureLedger", name: Digest) -> None:
    with (
        ledger.objects.open(name) as source,
        archive.open(_info(_object_entry(name)), "w", force_zip64=True) as target,
    ):
        while part := source.read(CHUNK_BYTES):
            target.write(part)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.external_attr = _MODE
    info.create_system = 3
    return info


def _record_entry(seq: int) -> str:
    return f"records/{seq}.body"


def _object_entry(name: Digest) -> str:
    return f"objects/{name.hex()}"


def _object_name(entry: str) -> Digest:
    text = entry.removeprefix("objects/")
    try:
        name = Digest(bytes.fromhex(text))
    except ValueError:
        name = Digest(b"")
    if len(name) != len(NO_DIGEST) or name.hex() != text:
        raise BundleError(f"expected objects/<digest in hex>, found {entry[:80]!r}")
    return name
