"""State images: records from which a log can be folded without what lies before them.

Whoever derives a state from a log may record, now and then, what the state is: a record of kind
``state.imaged`` whose ``position`` is its own seq and whose ``image`` is the digest of an object
that holds the state before it, in a form of the application's own. The ledger reads none of it; it
must know the form, because a pruned log can be folded only from an image that stays.
"""

from typing import Final

from ledger.form.canonical import Digest
from ledger.form.record import Record

STATE_IMAGED: Final = "state.imaged"


def image_of(record: Record) -> Digest | None:
    """The object with the state before ``record``; None where the record is no image of that."""
    match record.kind, record.attributes:
        case "state.imaged", {"image": bytes(name), "position": int(position)}:
            return Digest(name) if position == record.seq else None
        case _:
            return None
