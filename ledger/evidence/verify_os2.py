#!/usr/bin/env python3
"""Check an evidence bundle of os2shell without installing os2shell.

    python verify_os2.py EVIDENCE.os2z --pubkey 'NAME+HASH+KEY'

It needs Python 3.9 or later and two packages: ``pip install cryptography blake3``. It reads the
file you name and writes nothing. docs/ledger-format.md of os2shell says what is checked here.

Without ``--pubkey`` the file vouches for itself: that shows accidents, not a forger. Get the key
from its owner by another way than the one on which the evidence came. The metadata in the
manifest is the exporter's word; no signature covers it.

Exit codes: 0 holds, 1 broken, 2 usage, 4 unreadable.
"""

# ruff: noqa: ANN401, PLR2004, PTH123 - one file for strangers: numbers stand where they are used

from __future__ import annotations

import argparse
import base64
import json
import re
import struct
import sys
import zlib
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, BinaryIO, NamedTuple

try:
    from blake3 import blake3
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError as problem:
    sys.stderr.write(f"{problem}; do: pip install cryptography blake3\n")
    raise SystemExit(2) from None

MAX_BODY, MAX_NOTE = 64 * 1024, 64 * 1024  # a record's body is shorter than that
MAX_DEPTH = 33  # the record's array, and 32 containers within its attributes
MAX_ENTRIES, CHUNK = 200_000, 1024 * 1024
MOST = {b"manifest": 256 * CHUNK, b"objects/": 2**32 - 1}  # bytes of an entry; others: a note's
CHAIN = "os2shell ledger v1 2026 chain of origin"


class BrokenError(Exception):
    """The evidence does not hold; the text says where and why."""


def need(condition: object, complaint: str) -> None:
    """Refuse unless ``condition``."""
    if not condition:
        raise BrokenError(complaint)


# --- Merkle proofs (RFC 6962, with SHA-256) ---------------------------------------------------
def node(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def require_inclusion(index: int, size: int, body: bytes, proof: Any, root: bytes) -> None:
    """RFC 9162, 2.1.3.2: ``proof`` must lead from leaf ``index`` of ``size`` to ``root``."""
    need(type(index) is int and 0 <= index < size, f"record {index!r} is not one of {size}")
    need(type(proof) is list and len(proof) <= 64, f"record {index}: a malformed proof")
    value, last = sha256(b"\x00" + body).digest(), size - 1
    for text in proof:
        need(type(text) is str and re.fullmatch("[0-9a-f]{64}", text), "a malformed hash")
        need(last > 0, f"record {index}: its proof is too long")
        sibling = bytes.fromhex(text)
        if index & 1 or index == last:
            value = node(sibling, value)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            value = node(value, sibling)
        index, last = index >> 1, last >> 1
    need(last == 0 and value == root, "a proof of inclusion does not lead to the signed root")


# --- records (canonical msgpack) --------------------------------------------------------------
# type byte: (width of what follows, the least or greatest number that needs this width)
POSITIVE = {0xCC: (1, 0x80), 0xCD: (2, 1 << 8), 0xCE: (4, 1 << 16), 0xCF: (8, 1 << 32)}
NEGATIVE = {0xD0: (1, -33), 0xD1: (2, -129), 0xD2: (4, -32769), 0xD3: (8, -(1 << 31) - 1)}
# type byte: (kind, width of the length, the least length that needs this width)
LONG: dict[int, tuple[type, int, int]] = {}
LONG.update({0xC4: (bytes, 1, 0), 0xC5: (bytes, 2, 1 << 8), 0xC6: (bytes, 4, 1 << 16)})
LONG.update({0xD9: (str, 1, 32), 0xDA: (str, 2, 1 << 8), 0xDB: (str, 4, 1 << 16)})
LONG.update({0xDC: (list, 2, 16), 0xDD: (list, 4, 1 << 16)})
LONG.update({0xDE: (dict, 2, 16), 0xDF: (dict, 4, 1 << 16)})


class Values:
    """Reads values from bytes, each in its only accepted spelling."""

    def __init__(self, data: bytes) -> None:
        """Begin at the start of ``data``."""
        self.data, self.at = data, 0

    def take(self, length: int) -> bytes:
        """The next ``length`` bytes."""
        part = self.data[self.at : self.at + length]
        need(len(part) == length, "a value is cut off")
        self.at += length
        return part

    def value(self, depth: int = 0) -> Any:
        """The next value."""
        first = self.take(1)[0]
        if first < 0x80 or first >= 0xE0:
            return first if first < 0x80 else first - 0x100
        if first in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[first]
        if first in POSITIVE or first in NEGATIVE:
            width, bound = POSITIVE.get(first) or NEGATIVE[first]
            number = int.from_bytes(self.take(width), "big", signed=first in NEGATIVE)
            fits = number <= bound if first in NEGATIVE else number >= bound
            need(fits, "an integer is not in its shortest form")
            return number
        if first in LONG:
            kind, width, least = LONG[first]
            length = int.from_bytes(self.take(width), "big")
            need(length >= least, "a length is not in its shortest form")
            return self.content(kind, length, depth)
        need(first < 0xC0, f"a value of type {first:#x} has no place here")
        if first >= 0xA0:
            return self.content(str, first & 0x1F, depth)
        return self.content(list if first >= 0x90 else dict, first & 0x0F, depth)

    def content(self, kind: type, length: int, depth: int) -> Any:
        """What stands behind a length."""
        if kind in (bytes, str):
            return self.take(length) if kind is bytes else self.take(length).decode("utf-8")
        need(depth < MAX_DEPTH, "too many nested containers")
        if kind is list:
            return [self.value(depth + 1) for _ in range(length)]
        found: dict[str, Any] = {}
        for _ in range(length):
            key = self.value(depth + 1)
            need(type(key) is str, "the key of a map is no text")
            need(not found or key > next(reversed(found)), "keys are repeated or not sorted")
            found[key] = self.value(depth + 1)
        return found


def record_of(body: bytes) -> tuple[int, int, str, dict[str, Any]]:
    """Seq, time, kind and attributes of a record, refused unless it is canonical and complete."""
    need(0 < len(body) < MAX_BODY, "a record's body is empty or too long")
    values = Values(body)
    fields = values.value()
    need(values.at == len(body), "bytes follow a record's body")
    need(type(fields) is list and len(fields) == 11, "a record is no array of 11 fields")
    version, seq, hlc, *texts, attributes, payload, commitment = fields
    need(type(version) is int and version == 1, f"record version {version!r} is unknown")
    need(type(seq) is type(hlc) is int and min(seq, hlc) >= 0, "seq or hlc is wrong")
    need(all(type(text) is str for text in texts) and texts[-1], "a text of a record is wrong")
    need(type(attributes) is dict, "the attributes of a record are no map")
    for value in (payload, commitment):
        need(value is None or (type(value) is bytes and len(value) == 32), "a digest is wrong")
    return seq, hlc, texts[-1], attributes


# --- keys, signed notes, checkpoints ----------------------------------------------------------
FIELD = 2**255 - 19
ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
LOW_ORDER = {0, 1, FIELD - 1, ORDER_8, FIELD - ORDER_8}


def unbase64(text: str) -> bytes:
    """Standard base64 in its only spelling."""
    data = base64.b64decode(text.encode("ascii"), validate=True)
    need(base64.b64encode(data).decode() == text, f"base64 in another spelling: {text[:60]!r}")
    return data


def is_name(name: str) -> bool:
    """Whether a key may be called so."""
    return bool(name) and not any(c == "+" or c.isspace() or c < " " for c in name)


class Key(NamedTuple):
    """An Ed25519 public key: its text, its name, four bytes that stand for it, and the point."""

    text: str
    name: str
    short: bytes
    point: bytes

    @classmethod
    def parse(cls, text: str) -> Key:
        """Read ``<name>+<hash>+<base64>`` (C2SP signed-note); weak points are refused."""
        parts = text.split("+", 2)
        need(len(parts) == 3 and is_name(parts[0]), "a key is not <name>+<hash>+<base64>")
        data = unbase64(parts[2])
        need(data[:1] == b"\x01" and len(data) == 33, "a key is not of type Ed25519")
        y = int.from_bytes(data[1:], "little") & (2**255 - 1)
        need(y < FIELD and y not in LOW_ORDER, "a key is weak: of small order, or not reduced")
        short = sha256(parts[0].encode() + b"\n" + data).digest()[:4]
        need(short.hex() == parts[1], "the hash in a key is wrong")
        return cls(text, parts[0], short, data[1:])

    @property
    def genesis(self) -> bytes:
        """The chain digest before record 0 of the log that is called like this key."""
        return blake3(self.name.encode(), derive_key_context=CHAIN).digest()


class Checkpoint(NamedTuple):
    """A signed head of the log; ``more`` are its extension lines."""

    size: int
    root: bytes
    chain: bytes
    hlc: int
    more: dict[str, str]


def checkpoint_of(note: bytes, key: Key, statement: str | None) -> Checkpoint:
    """The checkpoint in ``note`` (C2SP signed-note); ``statement`` is what it says of the keys."""
    need(len(note) <= MAX_NOTE, "a note is too long")
    whole = note.decode("utf-8")
    need(not any(c < " " and c != "\n" for c in whole), "a note has control characters")
    text, gap, tail = whole.rpartition("\n\n")
    need(gap and tail.endswith("\n"), "a note lacks its signature lines")
    lines, mine = tail[:-1].split("\n"), []
    need(len(lines) <= 100, "a note has too many signatures")
    for line in lines:
        need(line.count(" ") == 2 and line.startswith("\u2014 "), "a malformed signature line")
        _, name, encoded = line.split(" ")
        data = unbase64(encoded)
        need(is_name(name) and len(data) > 4, "a malformed signature")
        if (name, data[:4]) == (key.name, key.short):
            mine.append(data[4:])
    need(len(mine) == 1, f"expected one signature by {key.text}, found {len(mine)}")
    try:
        Ed25519PublicKey.from_public_bytes(key.point).verify(mine[0], f"{text}\n".encode())
    except InvalidSignature:
        raise BrokenError(f"a signature by {key.text} does not verify") from None
    head = head_of(text.split("\n"), key)
    need(head.more.get("epochs") == statement, "a checkpoint says something else of the keys")
    return head


def head_of(lines: list[str], key: Key) -> Checkpoint:
    """What the lines of a checkpoint state (C2SP tlog-checkpoint)."""
    need(len(lines) >= 3 and all(lines), "a checkpoint lacks lines")
    need(lines[0] == key.name, f"a checkpoint of {lines[0]!r}, signed by {key.name!r}")
    more: dict[str, str] = {}
    for line in lines[3:]:
        name, _, value = line.partition(" ")
        need(name not in more, f"a checkpoint says {name!r} twice")
        more[name] = value
    need("blake3" in more and "hlc" in more, "a checkpoint lacks the chain digest or the time")
    root, chain = unbase64(lines[2]), unbase64(more["blake3"])
    need(len(root) == len(chain) == 32, "a hash in a checkpoint is not of 32 bytes")
    for number in (lines[1], more["hlc"]):
        need(re.fullmatch("0|[1-9][0-9]{0,19}", number), f"no plain number: {number[:40]!r}")
    return Checkpoint(int(lines[1]), root, chain, int(more["hlc"]), more)


# --- the file (a stored zip with one layout) --------------------------------------------------
LARGE = 2**31 - 1  # beyond it a zip64 field is used
FULL = 2**32 - 1  # what stands in the plain field then


def wide(*numbers: int) -> bytes:
    """A zip64 field."""
    return struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers)


class Zip:
    """A stored zip; ``entries`` has where header and content begin, the size, and the CRC-32."""

    def __init__(self, file: BinaryIO) -> None:
        """Walk the headers, then compare the directory with what it must be."""
        self.file = file
        self.entries: dict[str, tuple[int, int, int, int]] = {}
        end, at = file.seek(0, 2), 0
        while self.bytes_at(at, 4) == b"PK\x03\x04":
            name, entry = self.entry_at(at)
            need(name not in self.entries, f"entry {name} is there twice")
            need(len(self.entries) < MAX_ENTRIES, f"more than {MAX_ENTRIES} entries")
            self.entries[name] = entry
            at = entry[1] + entry[2]
            need(at <= end, f"entry {name} is cut off")
        for part in self.directory(at):
            need(self.bytes_at(at, len(part)) == part, "the zip directory was altered")
            at += len(part)
        need(at == end, "bytes follow the zip directory")

    def bytes_at(self, offset: int, length: int) -> bytes:
        """Bytes of the file."""
        self.file.seek(offset)
        return self.file.read(length)

    def entry_at(self, at: int) -> tuple[str, tuple[int, int, int, int]]:
        """The entry whose header begins at ``at``; objects state their size in a zip64 field."""
        fields = struct.unpack("<4s5H3I2H", self.bytes_at(at, 30).ljust(30, b"\0"))
        crc, size, length = fields[6], fields[8], fields[9]
        raw = self.bytes_at(at + 30, length)
        need(re.fullmatch(rb"[!-~]{1,255}", raw), "the name of an entry is not plain")
        need(size <= MOST.get(raw[:8], MAX_NOTE), f"entry {raw!r} is too long")
        version, stated, extra = 20, size, b""
        if raw.startswith(b"objects/"):
            size = int.from_bytes(self.bytes_at(at + 34 + length, 8), "little")
            version, stated, extra = 45, FULL, wide(size, size)
        fixed = (version, 0, 0, 0, 33, crc, stated, stated, length, len(extra))
        header = struct.pack("<4s5H3I2H", b"PK\x03\x04", *fixed) + raw + extra
        need(self.bytes_at(at, len(header)) == header, f"the zip header of {raw!r} was altered")
        return raw.decode(), (at, at + len(header), size, crc)

    def directory(self, offset: int) -> Iterator[bytes]:
        """What must stand behind the entries, at ``offset``."""
        length, total = 0, len(self.entries)
        for name, (start, _, size, crc) in self.entries.items():
            large = [size, size] * (size > LARGE) + [start] * (start > LARGE)
            extra = wide(*large) if large else b""
            version = 45 if large or name.startswith("objects/") else 20
            sizes = [FULL if size > LARGE else size] * 2
            fixed = (3 << 8 | version, version, 0, 0, 0, 33, crc, *sizes, len(name), len(extra))
            rest = (0, 0, 0, 0o100644 << 16, FULL if start > LARGE else start)
            part = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", *fixed, *rest)
            part += name.encode() + extra
            length += len(part)
            yield part
        if total > 0xFFFF or offset > LARGE or length > LARGE:
            numbers = (44, 45, 45, 0, 0, total, total, length, offset)
            yield struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", *numbers)
            yield struct.pack("<4sIQI", b"PK\x06\x07", 0, offset + length, 1)
        total, length, offset = min(total, 0xFFFF), min(length, FULL), min(offset, FULL)
        yield struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, total, total, length, offset, 0)

    def parts(self, name: str) -> Iterator[bytes]:
        """The content of an entry, refused at its end unless it has its CRC-32."""
        need(name in self.entries, f"entry {name} is missing")
        (_, offset, size, expected), crc = self.entries[name], 0
        for at in range(0, size, CHUNK):
            part = self.bytes_at(offset + at, min(CHUNK, size - at))
            crc = zlib.crc32(part, crc)
            yield part
        need(crc == expected, f"entry {name} does not have its CRC-32")

    def read(self, name: str) -> bytes:
        """The whole content of an entry."""
        return b"".join(self.parts(name))


# --- the evidence -----------------------------------------------------------------------------
def manifest_of(archive: Zip) -> dict[str, Any]:
    """The manifest, in its only spelling."""
    data = archive.read("manifest.json")
    manifest: dict[str, Any] = json.loads(data)
    need(type(manifest) is dict, "the manifest is no object")
    fields = {"os2.evidence/1": {"schema", "metadata", "records"}}
    fields["os2.evidence/2"] = {"keys", *fields["os2.evidence/1"]}
    need(manifest.get("schema") in fields, f"schema {manifest.get('schema')!r} is unknown")
    need(set(manifest) == fields[manifest["schema"]], "the manifest has other fields")
    need(type(manifest["metadata"]) is dict, "the metadata is no object")
    need(type(manifest["records"]) is list, "the records are no array")
    spelled = json.dumps(manifest, sort_keys=True, indent=1, allow_nan=False).encode()
    need(spelled == data, "the manifest is in another spelling")
    return manifest


def keys_of(archive: Zip, manifest: dict[str, Any]) -> tuple[list[Key], int, str | None, list[str]]:
    """The keys, each named under the one before; where the newest begins; what heads say of them.

    At last the names of the entries that stand before the records.
    """
    entries, rows = ["manifest.json", "checkpoint"], manifest.get("keys")
    if rows is None:  # schema 1 had one key, in a file of its own
        entries.append("public_key")
        rows = [{"first": 0, "public_key": archive.read("public_key").decode("utf-8")[:-1]}]
        need(archive.read("public_key").endswith(b"\n"), "the public key is no line")
    keys: list[Key] = []
    first, statement = 0, None
    for number, row in enumerate(rows):
        key, begin = Key.parse(row["public_key"]), row["first"]
        need(type(begin) is int and set(row) - {"proof"} == {"first", "public_key"}, "a wrong row")
        if number == 0:
            need("proof" not in row and begin == 0, "a wrong row for the first key")
            table = chain = key.genesis
        else:
            entries += [f"keys/{number}.checkpoint", f"keys/{number}.body"]
            head = checkpoint_of(archive.read(entries[-2]), keys[-1], statement)
            body, chain = archive.read(entries[-1]), head.chain
            need(first < begin == head.size, f"the checkpoint before key {number} is another")
            require_inclusion(begin - 1, begin, body, row["proof"], head.root)
            seq, _, kind, named = record_of(body)
            need((seq, kind) == (begin - 1, "ledger.rotated"), "a rotation is another record")
            need(named == {"epoch": number, "public_key": key.text}, "a rotation names another key")
            need(type(named["epoch"]) is int and key.name == keys[0].name, "a wrong rotation")
            need(key.point not in [old.point for old in keys], "a retired key returns")
        line = f"epoch {number} {begin} {key.text} {base64.b64encode(chain).decode()}\n"
        table, first = blake3(line.encode(), key=table).digest(), begin
        statement = f"{number + 1} {base64.b64encode(table).decode()}" if number else None
        keys.append(key)
    need(keys, "no key is named")
    return keys, first, statement, entries


def check(file: BinaryIO, pinned: Key | None) -> dict[str, Any]:
    """Check a bundle; returns what was found."""
    archive = Zip(file)
    manifest = manifest_of(archive)
    keys, begin, statement, expected = keys_of(archive, manifest)
    need(pinned is None or pinned in keys, "the evidence is not of the key you gave")
    head = checkpoint_of(archive.read("checkpoint"), keys[-1], statement)
    need(head.size > begin, "the newest key has signed nothing yet")
    seqs: list[int] = []
    hlc, chain = 0, keys[0].genesis
    for row in manifest["records"]:
        need(type(row) is dict and set(row) == {"seq", "proof"}, "a malformed row of records")
        seq, entry = row["seq"], f"records/{row['seq']}.body"
        body = archive.read(entry)
        require_inclusion(seq, head.size, body, row["proof"], head.root)
        own, time, kind, attributes = record_of(body)
        need(own == seq, f"record {own} stands as record {seq}")
        need(not seqs or seq > seqs[-1], f"record {seq} is out of order")
        need(hlc < time <= head.hlc, f"the time of record {seq} does not fit")
        if seq == 0:
            named = (attributes.get("origin"), attributes.get("public_key"))
            need(kind == "ledger.created", "record 0 does not begin a ledger")
            need(named == (keys[0].name, keys[0].text), "record 0 names another key")
        hlc, chain = time, blake3(body, key=chain).digest()
        seqs.append(seq)
        expected.append(entry)
    complete = seqs == list(range(head.size))
    need(not complete or chain == head.chain, "the chain misses the signed digest")
    objects = sorted(name for name in archive.entries if name.startswith("objects/"))
    need([*archive.entries] == expected + objects, "entries are missing, foreign or out of order")
    for name in objects:
        hasher = blake3()
        for part in archive.parts(name):
            hasher.update(part)
        need(name == f"objects/{hasher.hexdigest()}", f"{name} does not have its digest")
    return {
        "schema": "os2.verify/1",
        "status": "ok",
        "bundle": manifest["schema"],
        "signer": keys[-1].text,
        "trusted": pinned is not None,
        "size": head.size,
        "root": head.root.hex(),
        "records": seqs,
        "complete": complete,
        "objects": len(objects),
    }


# --- the command ------------------------------------------------------------------------------
def given_key(text: str) -> Key:
    """The key from the command line: its text, or the name of a file that holds it."""
    if text.count("+") < 2:
        with open(text, encoding="utf-8") as file:
            text = file.read(4096)
    return Key.parse(text.strip())


def verdict(path: str, pinned: Key | None) -> tuple[int, dict[str, Any]]:
    """The exit code and the report for the file at ``path``."""
    try:
        with open(path, "rb") as file:
            return 0, check(file, pinned)
    except OSError as problem:
        code, status, why = 4, "unreadable", str(problem)
    except (BrokenError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as bad:
        code, status, why = 1, "broken", str(bad) or type(bad).__name__
    return code, {"schema": "os2.verify/1", "status": status, "reason": why}


def shown(report: dict[str, Any]) -> str:
    """The report in lines for people, without what a terminal would execute."""
    lines = {name: value for name, value in report.items() if name != "schema"}
    if report["status"] == "ok":
        lines["records"] = f"{len(report['records'])} of {report['size']}, each under the root"
        lines["trusted"] = "by the key you gave" if report["trusted"] else "no: pass --pubkey"
    text = "".join(f"{name:9} {value}\n" for name, value in lines.items())
    return "".join(c if " " <= c <= "~" or c == "\n" else f"\\u{ord(c):04x}" for c in text)


def main(arguments: list[str] | None = None) -> int:
    """Check what the command line names; returns the exit code."""
    parser = argparse.ArgumentParser(description="Check an evidence bundle of os2shell.")
    parser.add_argument("path", help="the bundle, a file called *.os2z")
    parser.add_argument("--pubkey", metavar="TEXT|FILE", help="the public key that you trust")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(arguments)
    try:
        pinned = given_key(options.pubkey) if options.pubkey is not None else None
    except (OSError, ValueError, BrokenError) as problem:
        parser.error(f"no public key: {problem}")
    code, report = verdict(options.path, pinned)
    sys.stdout.write(json.dumps(report, indent=2) + "\n" if options.json else shown(report))
    return code


if __name__ == "__main__":
    sys.exit(main())
