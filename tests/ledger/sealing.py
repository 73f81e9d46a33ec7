"""Sealed content in memory: one key, one salt, one place it is bound to."""

import io

from ledger.privacy import sealed
from ledger.privacy.sealed import CHUNK_BYTES, Binding, Sealing

KEY, SALT = bytes(range(32)), bytes(range(32, 64))
BOUND = Binding("test.example/log", "ab" * 16, "letter")
SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7]


def seal(content: bytes, key: bytes = KEY, bound: Binding = BOUND) -> tuple[bytes, bytes]:
    sealing = Sealing(key, bound, io.BytesIO(content).read, SALT)
    data = b"".join(iter(lambda: sealing(1), b""))
    return data, sealing.commitment


def unseal(
    data: bytes, commitment: bytes, key: bytes = KEY, bound: Binding = BOUND, step: int = 1 << 30
) -> bytes:
    file = io.BytesIO(data)
    source = lambda count: file.read(min(count, step))  # noqa: E731 - a reader that gives little
    return b"".join(sealed.opened(key, bound, source, commitment))
