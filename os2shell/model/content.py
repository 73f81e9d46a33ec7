"""Content: bytes that a record or an answer refers to, inline while small, else an object.

One form, ``{"size", "digest"}`` with ``"data"`` beside them up to ``INLINE_BYTES``. A run whose
output is a line leaves no object behind, and so costs no extra sync.
"""

from ledger import Digest, Json, ObjectStore, digest
from os2shell.model.errors import Broken

INLINE_BYTES = 1024
TRACE_INLINE_BYTES = 16 * 1024


def keep(objects: ObjectStore, data: bytes, *, inline: int = INLINE_BYTES) -> dict[str, Json]:
    """Describe ``data``; store it as an object when it is longer than ``inline`` bytes."""
    if len(data) <= inline:
        return {"size": len(data), "digest": digest(data), "data": data}
    return {"size": len(data), "digest": objects.put(data)}


def fetch(objects: ObjectStore, content: Json) -> bytes:
    """The bytes that ``content`` describes; raises ``Broken`` where they do not match."""
    match content:
        case {"digest": bytes(expected), "data": bytes(data)}:
            if digest(data) != expected:
                raise Broken("inline content does not match its digest")
            return data
        case {"digest": bytes(expected)}:
            return objects.get(Digest(expected))
        case _:
            raise Broken("a record refers to content in no known form")
