"""Heads that a key signed outside its epoch: what a table of epochs says of them.

Such a head is a true signature and no head of the log. A key that was retired may be in a thief's
hands, and whoever holds it can sign any number of records; so two heads, one of them misplaced,
accuse whoever held that key, and not the one who holds the log's key now. Pure.
"""

from collections.abc import Sequence

from ledger.errors import NoteError
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.epochs import Epoch, Epochs
from ledger.trust.note import parse


def table(known: Sequence[Epochs]) -> Epochs | None:
    """The longest of these tables, if each of the others is a former state of it."""
    longest = max(known, key=len, default=None)
    if longest is None or not all(longest.begins_with(each) for each in known):
        return None
    return longest


def misplaced(head: Checkpoint, epochs: Epochs) -> str | None:
    """Which epoch's key signed ``head``, and whose it was to sign; None where that is one key."""
    if head.origin != epochs.origin:
        return None
    right = epochs.at(head.size)
    signers = [row for row in epochs if _signed(head, row)]
    if not signers or right in signers:
        return None
    found = signers[-1]
    stop = epochs.stop(found.number)
    if stop is not None and stop < head.size:
        return (
            f"signed by the key of epoch {found.number} ({found.key}), whose last head states "
            f"{stop} records; heads of {head.size} are signed in epoch {right.number}. It was made "
            "by whoever held that key: its owner before the rotation, or a thief of the retired "
            "key. Readers who know the epochs refuse it"
        )
    return (
        f"signed by the key of epoch {found.number} ({found.key}), which begins with record "
        f"{found.first}; heads of {head.size} were signed in epoch {right.number}. Whoever holds "
        "that key signed another past. Readers who know the epochs refuse it"
    )


def _signed(head: Checkpoint, row: Epoch) -> bool:
    try:
        row.key.verify(parse(head.note))
    except NoteError:
        return False
    return True
