"""Keys as C2SP signed-note spells them: name, hash, and base64 of a type byte and the key."""

from ledger.errors import KeyFormatError, NoteError
from ledger.trust.note import KEY_ID_BYTES, decode64


def split(text: str) -> tuple[str, bytes, int, bytes]:
    """Name, key hash, type and key, each in its only spelling; the hash is not judged."""
    parts = text.split("+", 2)
    if len(parts) != 3:  # noqa: PLR2004 - name, hash and key
        raise KeyFormatError("expected <name>+<hash>+<base64>, found another text")
    name, key_hash, encoded = parts
    try:
        key_id, data = bytes.fromhex(key_hash), decode64(encoded)
    except (ValueError, NoteError) as problem:
        raise KeyFormatError(f"expected a hash in hex and base64: {problem}") from problem
    if key_id.hex() != key_hash or len(key_id) != KEY_ID_BYTES:
        raise KeyFormatError(f"expected a key hash of 8 small hex digits, found {key_hash[:20]!r}")
    if not data:
        raise KeyFormatError("expected a type byte and a key, found nothing")
    return name, key_id, data[0], data[1:]
