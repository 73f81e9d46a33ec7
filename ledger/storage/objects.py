"""Immutable content named by its BLAKE3 digest: what stores of it promise, and the one in memory.

Whatever is read is hashed again: a store never hands out bytes that do not have the digest asked
for. ``put`` is idempotent. ``flush`` makes everything put so far durable; the ledger calls it
before it writes records, so no durable record refers to content that a crash can take away.
"""

import io
from collections.abc import Callable
from typing import BinaryIO, Final, Protocol

from ledger.errors import ObjectDamaged, ObjectMissing, ObjectTooLarge
from ledger.form.canonical import Digest, digest

MAX_OBJECT_BYTES: Final = 64 * 1024**3
CHUNK_BYTES: Final = 1024 * 1024
Reader = Callable[[int], bytes]


class ObjectStore(Protocol):
    """Content by digest."""

    def put(self, data: bytes) -> Digest:
        """Keep ``data``; returns its name."""
        ...

    def put_stream(self, reader: Reader) -> Digest:
        """Keep what ``reader(count)`` gives until it gives nothing; it need not fit in memory."""
        ...

    def get(self, name: Digest) -> bytes:
        """The content, hashed again."""
        ...

    def open(self, name: Digest) -> BinaryIO:
        """The content as a stream, verified whole before the first byte is handed out."""
        ...

    def has(self, name: Digest) -> bool:
        """Whether something is stored under ``name``; its bytes are not read."""
        ...

    def flush(self) -> None:
        """Make everything put so far durable."""
        ...


class MemoryObjects:
    """Objects of one process, for tests and for replay."""

    def __init__(self) -> None:
        """Start empty."""
        self._content: dict[Digest, bytes] = {}

    def put(self, data: bytes) -> Digest:
        """Keep ``data``; returns its name."""
        name = digest(data)
        self._content.setdefault(name, data)
        return name

    def put_stream(self, reader: Reader) -> Digest:
        """Keep what ``reader`` gives."""
        parts: list[bytes] = []
        total = 0
        while part := reader(CHUNK_BYTES):
            total = within_limit(total + len(part))
            parts.append(part)
        return self.put(b"".join(parts))

    def get(self, name: Digest) -> bytes:
        """The content, hashed again."""
        if name not in self._content:
            raise missing(name)
        return require(name, self._content[name])

    def open(self, name: Digest) -> BinaryIO:
        """The content as a stream, verified first."""
        return io.BytesIO(self.get(name))

    def has(self, name: Digest) -> bool:
        """Whether ``name`` is here."""
        return name in self._content

    def flush(self) -> None:
        """Nothing to do: memory promises no durability."""


class OverlayObjects:
    """Reads from both, writes to ``upper`` only; for replay that must not touch what it audits."""

    def __init__(self, upper: ObjectStore, lower: ObjectStore) -> None:
        """Lay ``upper`` over ``lower``."""
        self._upper = upper
        self._lower = lower

    def put(self, data: bytes) -> Digest:
        """Keep ``data`` in the upper store, unless the lower has it."""
        name = digest(data)
        return name if self._lower.has(name) else self._upper.put(data)

    def put_stream(self, reader: Reader) -> Digest:
        """Keep what ``reader`` gives in the upper store."""
        return self._upper.put_stream(reader)

    def get(self, name: Digest) -> bytes:
        """The content from whichever store has it."""
        return self._holder(name).get(name)

    def open(self, name: Digest) -> BinaryIO:
        """The content as a stream, verified first."""
        return self._holder(name).open(name)

    def has(self, name: Digest) -> bool:
        """Whether either store has it."""
        return self._upper.has(name) or self._lower.has(name)

    def flush(self) -> None:
        """Make the upper store durable."""
        self._upper.flush()

    def _holder(self, name: Digest) -> ObjectStore:
        return self._upper if self._upper.has(name) else self._lower


def within_limit(size: int) -> int:
    """``size``, refused beyond the limit of one object."""
    if size > MAX_OBJECT_BYTES:
        raise ObjectTooLarge(
            f"expected at most {MAX_OBJECT_BYTES} bytes in one object, found more; split it"
        )
    return size


def missing(name: Digest) -> ObjectMissing:
    """The error of an absent object."""
    return ObjectMissing(
        f"expected object {name.hex()}, found nothing; restore it from a backup of objects/"
    )


def require(name: Digest, data: bytes) -> bytes:
    """``data``, refused unless its digest is ``name``."""
    found = digest(data)
    if found != name:
        raise damaged(name, found)
    return data


def damaged(name: Digest, found: bytes) -> ObjectDamaged:
    """The error of an object with other content."""
    return ObjectDamaged(
        f"expected object {name.hex()}, found content with digest {found.hex()}; "
        "restore it from a backup of objects/"
    )
