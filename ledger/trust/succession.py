"""How one key of a log is shown to follow another, by what the log itself signed.

The last head that the old key signs covers exactly the records up to the one that names the new
key. So three things show a rotation to whoever knows the epochs before it: that head, the record,
and the proof that it is the head's last leaf. Pure.
"""

from typing import NamedTuple

from ledger.errors import EpochError
from ledger.form.record import ROTATED, fields
from ledger.trust import checkpoint
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.epochs import Epochs, successor
from ledger.trust.merkle import InclusionProof, leaf_hash, verify_inclusion


class Succession(NamedTuple):
    """A rotation as it is shown: the old key's last head, the record under it, the record's proof.

    ``hashes`` lead from the record, which is the last leaf, to the root of the head.
    """

    note: bytes
    body: bytes
    hashes: tuple[bytes, ...]


def succeed(epochs: Epochs, shown: Succession) -> tuple[Checkpoint, Epochs]:
    """The old key's last head, and ``epochs`` with the one that begins behind it.

    Raises ``NoteError``, ``ProofError``, ``CanonicalError`` or ``EpochError`` where ``shown`` is
    not the rotation that follows ``epochs``.
    """
    last = checkpoint.confirmed(shown.note, epochs)
    if last.size <= epochs.current.first:
        raise EpochError(
            f"expected the last head of epoch {epochs.current.number}, found one of {last.size} "
            "records, which an earlier epoch signed"
        )
    proof = InclusionProof(last.size - 1, last.size, shown.hashes)
    verify_inclusion(proof, leaf_hash(shown.body), last.root)
    values = fields(shown.body)
    seq, kind = values[1], values[7]
    if (kind, seq) != (ROTATED, last.size - 1):
        raise EpochError(
            f"expected a rotation as record {last.size - 1}, found {kind!r} of record {seq}"
        )
    number, key = successor(values[8])
    if number != len(epochs):
        raise EpochError(f"expected the rotation to key {len(epochs)}, found one to key {number}")
    return last, epochs.rotated(last.size, key, last.chain)
