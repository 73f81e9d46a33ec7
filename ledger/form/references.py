"""References: how attributes name objects, so that a verifier finds them without knowing kinds.

Content is a map with ``size`` and ``digest``, and with ``data`` beside them when the bytes are
inline. Without ``data`` the digest names an object. What an object's own bytes name is left to
their reader.
"""

from ledger.form.canonical import Digest, Json

_DIGEST_BYTES = 32


def referred(body: Json) -> set[Digest]:
    """Digests of all the objects that ``body`` refers to as content, at any depth."""
    found: set[Digest] = set()
    pending: list[Json] = [body]
    while pending:
        match pending.pop():
            case {"size": int(), "digest": bytes(name), **rest} if (
                "data" not in rest and len(name) == _DIGEST_BYTES
            ):
                found.add(Digest(name))
            case dict() as fields:
                pending.extend(fields.values())
            case list() as items:
                pending.extend(items)
            case _:
                continue
    return found
