"""The form of sealed content: what is encrypted, under which keys, bound to what. Pure.

A subject has one secret key of 32 bytes for one ledger. Everything else is derived from it with
HKDF-SHA-256 (RFC 5869): a pseudonym that names the subject in records, and for each content, under
a random salt of 32 bytes, a cipher key, a value that shows whether a key fits, and a key for the
commitment. As no cipher key is used twice, nonces can count from zero, whoever else is sealing.

Content is cut into chunks of 64 KiB under ChaCha20-Poly1305 (RFC 8439). The nonce carries the
chunk's number and whether it is the last (the STREAM construction of Hoang, Reyhanitabar, Rogaway
and Vizár, 2015), so chunks that are altered, exchanged, repeated or cut off are noticed. Origin,
pseudonym and kind are associated data of each chunk.

Rejected: AES-GCM-SIV, which not every build of the library has; one cipher key for a subject, which
makes several processes share a nonce counter; an unsalted digest of the plain text, with which a
guess could be confirmed after the key is gone.

Not here: key files (``keyring``), ledgers (``subjects``). The length of the content is not hidden.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hmac import compare_digest
from struct import Struct
from typing import Final

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.errors import SealedDamaged
from ledger.form import canonical
from ledger.storage.objects import Reader

MAGIC: Final = b"OS2SBJ\r\n"
FORMAT: Final = 1
KEY_BYTES: Final = 32
SALT_BYTES: Final = 32
PSEUDONYM_BYTES: Final = 16
CHUNK_BYTES: Final = 64 * 1024
TAG_BYTES: Final = 16
HEADER: Final = Struct(">8sI32s32s")
_NONCE: Final = Struct(">3xQB")
_FOR_CONTENT: Final = b"os2shell ledger v1 2026 content of subject"
_FOR_PSEUDONYM: Final = b"os2shell ledger v1 2026 pseudonym of subject"


@dataclass(frozen=True, slots=True)
class Binding:
    """Where sealed content belongs: moved elsewhere, it does not open."""

    origin: str
    pseudonym: str
    kind: str

    def encoded(self) -> bytes:
        """The associated data: a canonical array of the three."""
        return canonical.encode([self.origin, self.pseudonym, self.kind])


@dataclass(frozen=True, slots=True, repr=False)
class ContentKeys:
    """What is derived for one content; ``check`` alone is public, in the header."""

    cipher: bytes
    check: bytes
    commitment: bytes


def derived(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA-256 of ``key``: ``length`` bytes."""
    return HKDF(SHA256(), length, salt, info).derive(key)


def pseudonym(key: bytes, origin: str) -> str:
    """The name of the key's subject in the ledger ``origin``: 32 hexadecimal digits."""
    return derived(key, b"", _FOR_PSEUDONYM + origin.encode(), PSEUDONYM_BYTES).hex()


def content_keys(key: bytes, salt: bytes) -> ContentKeys:
    """The keys of the content sealed under ``salt``."""
    whole = derived(key, salt, _FOR_CONTENT, 3 * KEY_BYTES)
    return ContentKeys(whole[:KEY_BYTES], whole[KEY_BYTES:-KEY_BYTES], whole[-KEY_BYTES:])


class Sealing:
    """Seals what ``source(count)`` gives; calling it gives the next bytes, in the end none."""

    def __init__(self, key: bytes, binding: Binding, source: Reader, salt: bytes) -> None:
        """Seal under ``key``; ``salt`` must be fresh and random for each content."""
        keys = content_keys(key, salt)
        self._digest = blake3(key=keys.commitment)
        self._parts = self._sealed(keys, binding, source, salt)

    def __call__(self, _count: int) -> bytes:
        """The next part, of a size of our own."""
        return next(self._parts, b"")

    @property
    def commitment(self) -> bytes:
        """The salted digest of the plain text; complete when all parts were given."""
        return self._digest.digest()

    def _sealed(
        self, keys: ContentKeys, binding: Binding, source: Reader, salt: bytes
    ) -> Iterator[bytes]:
        yield HEADER.pack(MAGIC, FORMAT, salt, keys.check)
        cipher, bound = ChaCha20Poly1305(keys.cipher), binding.encoded()
        for number, chunk, last in _numbered(source, CHUNK_BYTES):
            self._digest.update(chunk)
            yield cipher.encrypt(_NONCE.pack(number, last), chunk, bound)


def opened(key: bytes, binding: Binding, source: Reader, commitment: bytes) -> Iterator[bytes]:
    """The plain text, chunk by chunk, each authentic; what is cut off shows at the end."""
    keys = _fitting_keys(key, _full(source, HEADER.size))
    cipher, bound = ChaCha20Poly1305(keys.cipher), binding.encoded()
    plain = blake3(key=keys.commitment)
    for number, chunk, last in _numbered(source, CHUNK_BYTES + TAG_BYTES):
        try:
            content = cipher.decrypt(_NONCE.pack(number, last), chunk, bound)
        except InvalidTag:
            raise SealedDamaged(
                f"expected chunk {number} as it was sealed, found another: it was altered or cut, "
                "or belongs to a record of another kind or ledger; restore the object"
            ) from None
        if last and number and not content:
            raise SealedDamaged(f"expected content in the last chunk {number}, found none")
        plain.update(content)
        yield content
    if not compare_digest(plain.digest(), commitment):
        raise SealedDamaged(
            "expected the plain text that the record commits to, found another; the object "
            "belongs to another record"
        )


def _fitting_keys(key: bytes, header: bytes) -> ContentKeys:
    if len(header) < HEADER.size or not header.startswith(MAGIC):
        raise SealedDamaged("expected sealed content, found an object of another form")
    _, form, salt, check = HEADER.unpack(header)
    if form != FORMAT:
        raise SealedDamaged(
            f"expected sealed content of format {FORMAT}, found {form}; use a newer version"
        )
    keys = content_keys(key, salt)
    if not compare_digest(keys.check, check):
        raise SealedDamaged("expected content sealed under this subject's key, found another key's")
    return keys


def _numbered(source: Reader, size: int) -> Iterator[tuple[int, bytes, bool]]:
    """Chunks with their number and whether they are the last; at least one, maybe empty."""
    number, chunk = 0, _full(source, size)
    while True:
        following = _full(source, size) if len(chunk) == size else b""
        yield number, chunk, not following
        if not following:
            return
        number, chunk = number + 1, following


def _full(source: Reader, size: int) -> bytes:
    """``size`` bytes of ``source``; fewer only at its end."""
    part = source(size)
    if len(part) == size or not part:
        return part
    parts, left = [part], size - len(part)
    while left and (part := source(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
