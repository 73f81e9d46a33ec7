"""Sealing without appending: the body an entry would have at a given place and time.

For replay, which holds what it would append against the bytes that were recorded.
"""

from ledger.form import canonical
from ledger.form.record import Entry, genesis, seal


def body_of(entry: Entry, *, seq: int, hlc: int, node: str) -> bytes:
    """The canonical body of ``entry`` as record ``seq``; raises as ``append`` would."""
    return seal(canonical.packer(), entry, seq, hlc, node, genesis("")).body
