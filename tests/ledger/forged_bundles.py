"""Bundles with signatures and proofs that fit, around whatever content."""

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack  # type: ignore[import-untyped]

from ledger import Signer, digest
from ledger.evidence.archive import ArchiveWriter
from ledger.form.record import Head, genesis, link
from ledger.trust import checkpoint, merkle

SEED = bytes(range(32))
ORIGIN = "test.example/log"
SIGNER = Signer(ORIGIN, SEED)


def body(seq: int, /, **changed: Any) -> bytes:
    fields: dict[str, Any] = {
        "version": 1,
        "seq": seq,
        "hlc": 65536 + seq,
        "node": "n",
        "session": "",
        "actor": "",
        "token": "",
        "kind": "a",
        "attributes": {},
        "payload": None,
        "commitment": None,
    }
    if seq == 0:
        fields["kind"] = "ledger.created"
        fields["attributes"] = {"format": 1, "origin": ORIGIN, "public_key": str(SIGNER.public)}
    return packed(list({**fields, **changed}.values()))


def packed(value: Any) -> bytes:
    """Bytes as the library would store them, were it to accept the value."""
    data: bytes = msgpack.packb(value, use_bin_type=True)
    return data


@dataclass
class Forgery:
    """A bundle with signatures and proofs that fit, around whatever content."""

    bodies: list[bytes] = field(default_factory=lambda: [body(n) for n in range(4)])
    seqs: Iterable[int] = range(4)
    objects: list[bytes] = field(default_factory=list)
    hlc: int = 65536 + 3
    chain: bytes | None = None
    text: Callable[[str], str] = str
    note: Callable[[bytes], bytes] = bytes
    manifest: Callable[[Any], Any] = dict
    entries: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]] = list

    def write(self, path: Path) -> Path:
        leaves = [merkle.leaf_hash(data) for data in self.bodies]
        chain = genesis(ORIGIN)
        for data in self.bodies:
            chain = link(chain, data)
        head = Head(len(leaves), self.chain or chain, merkle.root(leaves))
        unsigned = checkpoint.sign(SIGNER, head, self.hlc, "os")
        text = self.text(unsigned.note.decode().rpartition("\n\n")[0] + "\n")
        note = self.note(SIGNER.sign(text).encode())
        proofs = merkle.inclusion_proofs(list(self.seqs), len(leaves), leaves)
        rows = [{"seq": n, "proof": [h.hex() for h in proofs[n].hashes]} for n in self.seqs]
        keys = [{"first": 0, "public_key": str(SIGNER.public)}]
        manifest = self.manifest(
            {"schema": "os2.evidence/2", "keys": keys, "metadata": {}, "records": rows}
        )
        entries = [
            ("manifest.json", json.dumps(manifest, sort_keys=True, indent=1).encode()),
            ("checkpoint", note),
            *((f"records/{n}.body", self.bodies[n]) for n in self.seqs),
            *sorted((f"objects/{digest(data).hex()}", data) for data in self.objects),
        ]
        with path.open("wb") as file:
            writer = ArchiveWriter(file)
            for name, data in self.entries(entries):
                if name.startswith("objects/"):
                    writer.add_stream(name, io.BytesIO(data).read)
                else:
                    writer.add(name, data)
            writer.finish()
        return path


def second(data: bytes) -> Forgery:
    """A bundle whose record 1 is ``data``."""
    return Forgery([body(0), data, body(2), body(3)])


def nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


def raw(attributes: bytes) -> Forgery:
    """A bundle whose record 1 has these bytes as attributes."""
    good = body(1)
    assert good.endswith(b"\x80\xc0\xc0")
    return second(good[:-3] + attributes + b"\xc0\xc0")
