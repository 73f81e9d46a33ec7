"""Tiles as files: written whole or not at all, read as they are, never believed.

Sequences of system calls:

write    create tile/.new-*, write, rename to its name; not synced, because every tile can be made
         again from the log. A crash leaves a spare file, swept when it is an hour old; a power
         loss may leave a file of another length (as good as none) or of wrong content, which the
         proofs made from it show.

Several processes may write at once: what a name stands for never changes, so whoever comes last
replaces a file by the same bytes. A full tile supersedes its partial ones, which are removed.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from ledger.disk import NO_ROOM, Folder, sync_within
from ledger.errors import DiskFull, DurabilityError
from ledger.tiles.form import ENTRIES, WIDTH, TileAt
from ledger.trust.merkle import HASH_BYTES

_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_TILE: Final = "tile"
_SPARE: Final = ".new-"
_SPARE_SECONDS: Final = 3600
_MAX_BUNDLE: Final = WIDTH * (2 + 0xFFFF)


class TileFolder:
    """The tiles below ``directory``/tile."""

    def __init__(self, directory: Path | Folder) -> None:
        """Name the folder; nothing is touched before the first use.

        A ``Folder`` stays its owner's to close.
        """
        self._folder = directory if isinstance(directory, Folder) else Folder(directory)
        self._swept = False

    def read(self, at: TileAt) -> bytes | None:
        """The content of a tile; None when there is none of the right length."""
        try:
            descriptor = self._folder.file(at.path, _READ)
        except OSError:
            return None
        try:
            limit = _MAX_BUNDLE if at.level == ENTRIES else at.width * HASH_BYTES
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                data = file.read(limit + 1)
        except OSError:
            return None
        if not data or (at.level != ENTRIES and len(data) != limit):
            return None
        return data

    def has(self, at: TileAt) -> bool:
        """Whether a file of this name lies there, with the length a hash tile must have."""
        try:
            size = self._folder.target(at.path).st_size
        except OSError:
            return False
        return size > 0 if at.level == ENTRIES else size == at.width * HASH_BYTES

    def write(self, at: TileAt, data: bytes) -> None:
        """Put a tile in its place."""
        try:
            spare = self._spare(data)
            try:
                self._rename(spare, at.path)
            except OSError:
                with suppress(OSError):
                    self._folder.remove(spare)
                raise
            if at.width == WIDTH:
                self._remove_partials(f"{at.path}.p")
        except OSError as problem:
            kind = DiskFull if problem.errno in NO_ROOM else DurabilityError
            raise kind(
                f"expected to write the tile {self._folder.path / at.path}, found: "
                f"{problem.strerror}; the log itself is whole: make room or check who may write "
                "there, then try again"
            ) from problem

    def count_full(self, limit: int, level: int = 0) -> int:
        """How many full tiles of ``level`` lie there, at most ``limit``, when none is missing.

        Found by halving. Where tiles in between are missing, the answer lies at some gap.
        """
        low, high = 0, limit
        while low < high:
            middle = (low + high + 1) // 2
            if self.has(TileAt(level, middle - 1)):
                low = middle
            else:
                high = middle - 1
        return low

    def widths(self, level: int, index: int) -> Iterator[int]:
        """The widths of the partial tiles of one index, widest first."""
        try:
            names = self._folder.names(f"{TileAt(level, index).path}.p")
        except OSError:
            return
        yield from sorted((int(n) for n in names if n.isascii() and n.isdigit()), reverse=True)

    def sync(self) -> None:
        """Make all that lies there durable, for when it cannot be made again; ``OSError``."""
        with self._folder.folder(_TILE) as folder:
            sync_within(folder)
        self._folder.sync()

    def _spare(self, data: bytes) -> str:
        """A file of its own with ``data``."""
        spare = f"{_TILE}/{_SPARE}{os.getpid()}-{os.urandom(6).hex()}"
        try:
            descriptor = self._folder.file(spare, _CREATE)
        except FileNotFoundError:
            self._folder.path.mkdir(parents=True, exist_ok=True)
            self._folder.make(_TILE)
            descriptor = self._folder.file(spare, _CREATE)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                view = memoryview(data)
                while view:
                    view = view[file.write(view) :]
                if not self._swept:
                    self._swept = True
                    self._sweep(os.fstat(descriptor).st_mtime)
        except OSError:
            with suppress(OSError):
                self._folder.remove(spare)
            raise
        return spare

    def _rename(self, spare: str, target: str) -> None:
        try:
            self._folder.rename(spare, target)
        except FileNotFoundError:  # the first of its folder, or the folder was just superseded
            self._folder.make_all(target.rpartition("/")[0])
            self._folder.rename(spare, target)

    def _sweep(self, now: float) -> None:
        """Remove what crashes left long ago; a file younger than that may be somebody's."""
        with suppress(OSError), self._folder.folder(_TILE) as folder:
            for name in folder.names():
                if name.startswith(_SPARE) and folder.state(name).st_mtime < now - _SPARE_SECONDS:
                    folder.remove(name)

    def _remove_partials(self, name: str) -> None:
        """Remove superseded partial tiles; what somebody is just writing there may stay."""
        with suppress(OSError):
            with self._folder.folder(name) as partials:
                for each in partials.names():
                    partials.remove(each)
            self._folder.remove_folder(name)
