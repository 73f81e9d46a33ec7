"""The keys of a log in a bundle: how the one that signed its head came to be the log's key.

The first key is named by record 0. Each later one is named by a rotation record, and the last head
that the key before signed covers exactly the records up to it. A bundle carries that head
(``keys/<n>.checkpoint``), the record (``keys/<n>.body``) and the proof that it is the head's last
record. So whoever knows any of the keys can go from it to the newest, as in the log itself.

What the newest key signed states the whole table of keys. What an older one signed is as good as
the secrecy of that key up to its end: whoever stole it before could have named another successor.
"""

from typing import TYPE_CHECKING, Final

from ledger.errors import BundleError
from ledger.evidence.archive import Archive, ArchiveWriter
from ledger.form.canonical import Digest
from ledger.form.record import MAX_BODY_BYTES, ROTATED, unsealed
from ledger.trust import checkpoint
from ledger.trust.epochs import Epochs, successor
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import HASH_BYTES, InclusionProof, leaf_hash, verify_inclusion
from ledger.trust.note import MAX_NOTE_BYTES

if TYPE_CHECKING:
    from ledger.chain.log import TokenSignatureLedger

MAX_PROOF_HASHES: Final = 64
_FIRST_FIELDS: Final = {"first", "public_key"}
_LATER_FIELDS: Final = {"first", "public_key", "proof"}


class Lineage:
    """The keys up to the one that signed the head of ``ledger``, ready to be written."""

    def __init__(self, ledger: "TokenSignatureLedger") -> None:
        """Collect heads, records and proofs of all rotations under the head."""
        history, signed = ledger.keys, ledger.checkpoint
        if history is None or signed is None:
            raise BundleError("expected a signed ledger, found one without checkpoint")
        epochs = history.epochs.until(history.epochs.at(signed.size).number)
        self.rows: list[dict[str, object]] = []
        self._parts: list[tuple[bytes, bytes]] = []
        for row in epochs:
            shown: dict[str, object] = {"first": row.first, "public_key": str(row.key)}
            if row.number:
                before = ledger.checkpoint_at(row.first)
                body = ledger.record(row.first - 1).body
                proof = _last_leaf(ledger, row.first)
                verify_inclusion(proof, leaf_hash(body), before.root)
                shown["proof"] = [part.hex() for part in proof.hashes]
                self._parts.append((before.note, body))
            self.rows.append(shown)

    def write(self, writer: ArchiveWriter) -> None:
        """Add the entries."""
        for number, (note, body) in enumerate(self._parts, 1):
            for name, data in zip(entries(number), (note, body), strict=True):
                writer.add(name, data)


def entries(number: int) -> tuple[str, str]:
    """The entries that show how key ``number`` came to be the log's."""
    return f"keys/{number}.checkpoint", f"keys/{number}.body"


def read(archive: Archive, rows: object) -> Epochs:
    """The table of keys, each rotation in it proven."""
    if not isinstance(rows, list) or not rows:
        raise BundleError("expected the keys of the log in manifest.json, found none")
    first, key = _row(rows[0], _FIRST_FIELDS)
    if first != 0:
        raise BundleError(f"expected the first key from record 0 on, found it from {first} on")
    epochs = Epochs.begun(key)
    for row in rows[1:]:
        epochs = _rotated(archive, epochs, row)
    return epochs


def proof_of(value: object, index: int, size: int) -> InclusionProof:
    """The proof in a row of manifest.json."""
    if not isinstance(value, list) or len(value) > MAX_PROOF_HASHES:
        raise BundleError(
            f"expected at most {MAX_PROOF_HASHES} hashes for record {index}, found another proof"
        )
    return InclusionProof(index, size, tuple(_hash(part) for part in value))


def _last_leaf(ledger: "TokenSignatureLedger", size: int) -> InclusionProof:
    """The proof that the last of ``size`` leaves is one, under a head that is long past.

    The ledger proves records under its present head, and any two heads consistent. The proof
    between ``size`` - 1 and ``size`` leaves is the one wanted, with the leaf itself in it; where
    the smaller tree is a whole one, its root is left out.
    """
    hashes = ledger.prove_consistency(size - 1, size)
    whole = (size - 1).bit_count() == 1
    wanted = (ledger.root_at(size - 1),) if whole else hashes[:1] + hashes[2:]
    return InclusionProof(size - 1, size, wanted)


def _rotated(archive: Archive, epochs: Epochs, row: object) -> Epochs:
    number = len(epochs)
    first, key = _row(row, _LATER_FIELDS)
    note, body = (archive.read(name, MAX_NOTE_BYTES) for name in entries(number))
    before = checkpoint.confirmed(note, epochs)
    if before.size != first or first <= epochs.current.first or len(body) >= MAX_BODY_BYTES:
        raise BundleError(
            f"expected the last head of key {number - 1} over {first} records, found one over "
            f"{before.size}"
        )
    assert isinstance(row, dict)
    verify_inclusion(proof_of(row["proof"], first - 1, first), leaf_hash(body), before.root)
    record = unsealed(body, Digest(before.chain))
    if (record.kind, record.seq) != (ROTATED, first - 1):
        raise BundleError(
            f"expected a rotation as record {first - 1}, found {record.kind} of {record.seq}"
        )
    if successor(record.attributes) != (number, key):
        raise BundleError(f"expected the rotation to key {number}, found one to another key")
    return epochs.rotated(first, key, before.chain)


def _row(row: object, fields: set[str]) -> tuple[int, PublicKey]:
    if not isinstance(row, dict) or row.keys() != fields or type(row["first"]) is not int:
        raise BundleError(f"expected {sorted(fields)} for a key, found another row")
    text = row["public_key"]
    key = PublicKey.parse(text if isinstance(text, str) else "")
    if str(key) != text:
        raise BundleError("expected a public key as it is written, found another spelling")
    return row["first"], key


def _hash(value: object) -> bytes:
    if isinstance(value, str):
        data = bytes.fromhex(value)
        if len(data) == HASH_BYTES and data.hex() == value:
            return data
    raise BundleError(f"expected a hash in small hex, found {str(value)[:80]!r}")
