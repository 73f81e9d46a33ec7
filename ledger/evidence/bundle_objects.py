"""The content that a bundle carries, as an object store that takes nothing new."""

import io
from typing import BinaryIO

from blake3 import blake3

from ledger.errors import BundleError
from ledger.evidence.archive import Archive
from ledger.form.canonical import Digest, digest
from ledger.storage.objects import CHUNK_BYTES, Reader, damaged, missing, require

PREFIX = "objects/"
_DIGEST_BYTES = 32


class BundleObjects:
    """The objects of a bundle, read from its file when asked for; nothing can be added."""

    def __init__(self, archive: Archive) -> None:
        """Serve all entries of ``archive`` that are objects."""
        self._archive = archive
        self._names = frozenset(
            _object_name(name) for name in archive.members if name.startswith(PREFIX)
        )

    def put(self, data: bytes) -> Digest:
        """Only what is here already can be put."""
        return self._here(digest(data))

    def put_stream(self, reader: Reader) -> Digest:
        """Only what is here already can be put."""
        hasher = blake3()
        while part := reader(CHUNK_BYTES):
            hasher.update(part)
        return self._here(Digest(hasher.digest()))

    def get(self, name: Digest) -> bytes:
        """The content, hashed again."""
        self._require(name)
        return require(name, b"".join(self._archive.parts(entry(name))))

    def open(self, name: Digest) -> BinaryIO:
        """The content as a stream, verified whole first."""
        self._require(name)
        if self._archive.members[entry(name)].size <= CHUNK_BYTES:
            return io.BytesIO(self.get(name))
        self.check(name)
        return self._archive.open(entry(name))

    def has(self, name: Digest) -> bool:
        """Whether the bundle holds ``name``."""
        return name in self._names

    def flush(self) -> None:
        """Nothing is ever pending."""

    def names(self) -> frozenset[Digest]:
        """The digests of all objects here."""
        return self._names

    def check(self, name: Digest) -> None:
        """Refuse unless the object's bytes have its digest."""
        hasher = blake3()
        for part in self._archive.parts(entry(name)):
            hasher.update(part)
        if hasher.digest() != name:
            raise damaged(name, hasher.digest())

    def close(self) -> None:
        """Release the file."""
        self._archive.close()

    def _here(self, name: Digest) -> Digest:
        if name in self._names:
            return name
        raise BundleError("expected no new object in a bundle, found one; lay a store over it")

    def _require(self, name: Digest) -> None:
        if name not in self._names:
            raise missing(name)


def entry(name: Digest) -> str:
    """What the entry of the object called ``name`` is called."""
    return f"{PREFIX}{name.hex()}"


def _object_name(text: str) -> Digest:
    try:
        name = Digest(bytes.fromhex(text.removeprefix(PREFIX)))
    except ValueError:
        name = Digest(b"")
    if len(name) != _DIGEST_BYTES or entry(name) != text:
        raise BundleError(f"expected objects/<digest in hex>, found {text[:80]!r}")
    return name
