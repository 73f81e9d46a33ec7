"""A merge as JSON Lines: which heads, then every record with its log, then the end.

merge   first: schema, identity, and for each log its origin, size, root and signed head
record  as in ``evidence.jsonl``, with ``log``, the origin
end     last: how many lines there were, and the BLAKE3 of their bytes

What comes out of a pipe is whole only once its ``end`` is there. Of a merge that breaks off, the
last line can be the certificate.
"""

from collections.abc import Iterator
from typing import Final

from ledger.evidence.jsonl import ended, record_value
from ledger.evidence.plain import line
from ledger.fleet.merging import Merge

SCHEMA: Final = "os2.ledger.merge/1"


def merge_lines(merged: Merge) -> Iterator[bytes]:
    """The whole merge, line by line."""
    return ended(_lines(merged))


def _lines(merged: Merge) -> Iterator[bytes]:
    yield line(
        {
            "type": "merge",
            "schema": SCHEMA,
            "identity": merged.identity.hex(),
            "logs": [
                {
                    "origin": head.origin,
                    "size": head.size,
                    "root": head.root.hex(),
                    "checkpoint": head.note.decode(),
                }
                for head in merged.heads
            ],
        }
    )
    for origin, record in merged.records():
        yield line({**record_value(record), "log": origin})
