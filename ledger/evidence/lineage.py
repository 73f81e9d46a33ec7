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
from ledger.trust.epochs import Epochs
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import HASH_BYTES, InclusionProof, leaf_hash, verify_inclusion
from ledger.trust.note import MAX_NOTE_BYTES
from ledger.trust.succession import Succession, succeed

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
                rotation = succession(ledger, row.first)
                shown["proof"] = [part.hex() for part in rotation.hashes]
                self._parts.append((rotation.note, rotation.body))
            self.rows.append(shown)

    def write(self, writer: ArchiveWriter) -> None:
        """Add the entries."""
        for number, (note, body) in enumerate(self._parts, 1):
            for name, data in zip(entries(number), (note, body), strict=True):
                writer.add(name, data)


def succession(ledger: "TokenSignatureLedger", first: int) -> Succession:
    """How ``ledger`` shows that the key of the epoch which begins with record ``first`` is its own.

    The ledger proves records under its present head, and any two heads consistent. The proof
    between ``first`` - 1 and ``first`` leaves is the one wanted, with the leaf itself in it; where
    the smaller tree is a whole one, its root is left out.
    """
    before, body = ledger.checkpoint_at(first), ledger.record(first - 1).body
    hashes = ledger.prove_consistency(first - 1, first)
    whole = (first - 1).bit_count() == 1
    wanted = (ledger.root_at(first - 1),) if whole else hashes[:1] + hashes[2:]
    proof = InclusionProof(first - 1, first, wanted)
    verify_inclusion(proof, leaf_hash(body), before.root)
    return Succession(before.note, body, wanted)


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


def _rotated(archive: Archive, epochs: Epochs, row: object) -> Epochs:
    number = len(epochs)
    first, key = _row(row, _LATER_FIELDS)
    assert isinstance(row, dict)
    note, body = (archive.read(name, MAX_NOTE_BYTES) for name in entries(number))
    hashes = proof_of(row["proof"], first - 1, first).hashes
    before, rotated = succeed(epochs, Succession(note, body, hashes))
    if (before.size, rotated.current.key) != (first, key):
        raise BundleError(
            f"expected the last head of key {number - 1} over {first} records and the rotation to "
            f"{key}, found one over {before.size} and {rotated.current.key}"
        )
    return rotated


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
