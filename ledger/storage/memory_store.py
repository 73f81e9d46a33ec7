"""A store in memory: for replay, dry runs and tests; the same log runs over it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import RLock

from ledger.storage.objects import MemoryObjects, ObjectStore
from ledger.storage.store import Position


class MemoryStore:
    """Segments as byte arrays; what was set aside is kept under its name."""

    writable = True
    volatile = True

    def __init__(self, objects: ObjectStore | None = None) -> None:
        """Start empty, over ``objects`` or an empty object store."""
        self._objects: ObjectStore = MemoryObjects() if objects is None else objects
        self._segments: list[bytearray] = []
        self._seals: dict[int, bytes] = {}
        self._kept: dict[str, bytes] = {}
        self._first = 0
        self._published: bytes | None = None
        self._cached: bytes | None = None
        self._lock = RLock()
        self.quarantine: dict[str, bytes] = {}

    @property
    def directory(self) -> None:
        """Nowhere on disk."""

    @property
    def folder(self) -> None:
        """Nowhere either."""

    @property
    def objects(self) -> ObjectStore:
        """The content that records refer to."""
        return self._objects

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the log against other threads."""
        with self._lock:
            yield

    def shared(self) -> AbstractContextManager[None]:
        """The same lock: nobody reads while another writes."""
        return self.exclusive()

    def first(self) -> int:
        """The first segment that is here."""
        return self._first

    def end(self) -> Position:
        """The end of the log."""
        last = len(self._segments) - 1
        return Position(last, len(self._segments[last]) if self._segments else 0)

    def length(self, segment: int) -> int:
        """The bytes in ``segment``."""
        return len(self._segments[segment])

    def read(self, at: Position, count: int) -> bytes:
        """Up to ``count`` bytes."""
        return bytes(memoryview(self._segments[at.segment])[at.offset : at.offset + count])

    def begin_segment(self, segment: int, data: bytes) -> None:
        """Add a segment."""
        assert segment == len(self._segments)
        self._segments.append(bytearray(data))

    def append(self, at: Position, data: bytes, *, synced: bool = True) -> None:  # noqa: ARG002
        """Add ``data`` at the end; memory knows no sync."""
        assert at == self.end()
        self._segments[at.segment] += data

    def sync(self) -> None:
        """Memory knows no sync."""

    def set_aside(self, at: Position, name: str) -> None:
        """Move the tail into ``quarantine``."""
        self.quarantine[name] = bytes(self._segments[at.segment][at.offset :])
        del self._segments[at.segment][at.offset :]

    def seal(self, segment: int) -> bytes | None:
        """The seal of ``segment``."""
        return self._seals.get(segment)

    def keep_seal(self, segment: int, data: bytes) -> None:
        """Replace the seal of ``segment``."""
        self._seals[segment] = data

    def kept(self, name: str) -> bytes | None:
        """What was kept under ``name``."""
        return self._kept.get(name)

    def keep(self, name: str, data: bytes) -> None:
        """Keep ``data`` under ``name``."""
        self._kept[name] = data

    def settle_kept(self, name: str, new: str | None) -> None:
        """Move what was kept under ``name``, or forget it."""
        data = self._kept.pop(name)
        if new is not None:
            self._kept[new] = data

    def begin_at(self, segment: int) -> None:
        """Take ``segment`` for the first one."""
        self._first = segment

    def drop_before(self, segment: int) -> None:
        """Forget the segments before ``segment``."""
        for each in self._segments[:segment]:
            each.clear()
        self._first = segment

    def published(self) -> bytes | None:
        """The checkpoint last published."""
        return self._published

    def publish(self, note: bytes) -> None:
        """Replace the published checkpoint."""
        self._published = note

    def cached(self) -> bytes | None:
        """The head cache."""
        return self._cached

    def cache(self, data: bytes) -> None:
        """Replace the head cache."""
        self._cached = data

    def close(self) -> None:
        """Nothing is held; the content stays, so that the store can be opened again."""
