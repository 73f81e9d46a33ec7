"""Ed25519 (RFC 8032): signatures made and judged, by two libraries.

``cryptography`` is loaded in half the time, libsodium (PyNaCl) signs and judges in a third of it: a
process begins with the one, and takes the other once there is much to do. Both make the same bytes.
libsodium takes a subset of what the other takes, since it also refuses points of small order in a
signature; so where it says no, the other decides. What is judged good never depends on how much
was judged before, and is what a stranger with ``cryptography`` alone finds.

Both are imported late: a process that signs nothing and judges nothing does not pay for them.
"""

from types import ModuleType
from typing import Final

SEED_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
MUCH: Final = 256
"""Signatures after which loading libsodium, some 10 ms, has soon paid: it saves 25 µs at each."""


class _Sodium:
    """libsodium, once there is much to do."""

    def __init__(self) -> None:
        self.asked = 0
        self._bindings: ModuleType | None = None

    def when_much(self) -> ModuleType | None:
        """Its functions, or None while there was little to do."""
        if self._bindings is None:
            self.asked += 1
            if self.asked > MUCH:
                from nacl import bindings  # noqa: PLC0415 - see above

                self._bindings = bindings
        return self._bindings


_sodium = _Sodium()


class SecretKey:
    """The key made from a seed of 32 bytes; ``public`` is its point."""

    __slots__ = ("_key", "public", "seed")

    def __init__(self, seed: bytes) -> None:
        """Derive the point; ``ValueError`` for a seed of another length."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - see above
            Ed25519PrivateKey,
        )

        self.seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    def __repr__(self) -> str:  # type: ignore[explicit-override]  # typing has it from 3.12
        """Never the secret."""
        return f"SecretKey(public={self.public.hex()})"

    def sign(self, message: bytes) -> bytes:
        """The signature of ``message``, 64 bytes."""
        sodium = _sodium.when_much()
        if sodium is None:
            return self._key.sign(message)
        signed: bytes = sodium.crypto_sign(message, self.seed + self.public)
        return signed[:SIGNATURE_BYTES]


def is_signed(point: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the key ``point`` signed ``message``; the point itself is not judged here."""
    sodium = _sodium.when_much()
    if sodium is not None and _is_signed_strictly(sodium, point, signature, message):
        return True
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - see above
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PublicKey,
    )

    try:
        Ed25519PublicKey.from_public_bytes(point).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _is_signed_strictly(sodium: ModuleType, point: bytes, signature: bytes, message: bytes) -> bool:
    from nacl.exceptions import CryptoError  # noqa: PLC0415 - see above

    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        sodium.crypto_sign_open(signature + message, point)
    except (CryptoError, ValueError):
        return False
    return True
