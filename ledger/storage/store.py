"""Where a log rests: bytes in segments, a lock, two small files.

A store moves bytes and never judges.

The order of calls is the caller's duty: everything that changes a store happens inside
``exclusive``. A failed write or sync leaves the store unusable; the caller closes it and opens
another.
"""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from ledger.disk import Folder
from ledger.storage.objects import ObjectStore


class Position(NamedTuple):
    """A place in the log; segments are numbered from 0 without gaps."""

    segment: int
    offset: int


class Store(Protocol):
    """Segments of bytes, of which only the last grows."""

    @property
    def directory(self) -> Path | None:
        """Where the log lies on disk, if it does."""
        ...

    @property
    def folder(self) -> Folder | None:
        """That directory, open until the store is closed."""
        ...

    @property
    def objects(self) -> ObjectStore:
        """The content that records refer to."""
        ...

    @property
    def writable(self) -> bool:
        """Whether appends are possible at all."""
        ...

    @property
    def volatile(self) -> bool:
        """Whether the content lives in this process only, where nobody else can alter it."""
        ...

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the log against every other appender."""
        ...

    def shared(self) -> AbstractContextManager[None]:
        """Hold the log still while looking at its end."""
        ...

    def first(self) -> int:
        """The first segment that is here; those before it were pruned."""
        ...

    def end(self) -> Position:
        """The end of the log now; segment -1 when there is none yet."""
        ...

    def length(self, segment: int) -> int:
        """The bytes in ``segment``."""
        ...

    def read(self, at: Position, count: int) -> bytes:
        """Up to ``count`` bytes; fewer only at the segment's end."""
        ...

    def begin_segment(self, segment: int, data: bytes) -> None:
        """Create a segment that starts with ``data``; whole and durable, or not there."""
        ...

    def append(self, at: Position, data: bytes, *, synced: bool = True) -> None:
        """Write ``data`` at the end ``at``; durable on return unless ``synced`` is False."""
        ...

    def sync(self) -> None:
        """Make durable what was appended to the last segment without sync, by anybody."""
        ...

    def set_aside(self, at: Position, name: str) -> None:
        """Move all bytes from ``at`` to the end of its segment into a quarantine file."""
        ...

    def seal(self, segment: int) -> bytes | None:
        """The seal of ``segment``, if any; a claim, never to be believed unchecked."""
        ...

    def keep_seal(self, segment: int, data: bytes) -> None:
        """Replace the seal of ``segment``; durable on return."""
        ...

    def kept(self, name: str) -> bytes | None:
        """A small file beside the log, if it is there."""
        ...

    def keep(self, name: str, data: bytes) -> None:
        """Replace a small file beside the log; durable on return."""
        ...

    def settle_kept(self, name: str, new: str | None) -> None:
        """Rename a small file beside the log, or remove it; durable on return."""
        ...

    def begin_at(self, segment: int) -> None:
        """Take ``segment`` for the first one, whatever still stands before it."""
        ...

    def drop_before(self, segment: int) -> None:
        """Remove the segments before ``segment`` for good; durable on return."""
        ...

    def published(self) -> bytes | None:
        """The checkpoint last published, if any."""
        ...

    def publish(self, note: bytes) -> None:
        """Replace the published checkpoint."""
        ...

    def cached(self) -> bytes | None:
        """The head cache, if any; never to be believed unchecked."""
        ...

    def cache(self, data: bytes) -> None:
        """Replace the head cache."""
        ...

    def close(self) -> None:
        """Release what is held; idempotent."""
        ...
