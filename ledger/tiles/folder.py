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

from ledger.disk import NO_ROOM
from ledger.errors import DiskFull, DurabilityError
from ledger.tiles.form import ENTRIES, WIDTH, TileAt
from ledger.trust.merkle import HASH_BYTES

_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_SPARE: Final = ".new-"
_SPARE_SECONDS: Final = 3600
_MAX_BUNDLE: Final = WIDTH * (2 + 0xFFFF)


class TileFolder:
    """The tiles below ``directory``/tile."""

    def __init__(self, directory: Path) -> None:
        """Name the folder; nothing is touched before the first use."""
        self.directory = directory
        self._swept = False

    def read(self, at: TileAt) -> bytes | None:
        """The content of a tile; None when there is none of the right length."""
        try:
            descriptor = os.open(self.directory / at.path, _READ)
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
            size = (self.directory / at.path).stat().st_size
        except OSError:
            return False
        return size > 0 if at.level == ENTRIES else size == at.width * HASH_BYTES

    def write(self, at: TileAt, data: bytes) -> None:
        """Put a tile in its place."""
        target = self.directory / at.path
        try:
            spare = self._spare(data)
            try:
                _rename_into(spare, target)
            except OSError:
                with suppress(OSError):
                    spare.unlink()
                raise
            if at.width == WIDTH:
                _remove_folder(target.with_name(f"{target.name}.p"))
        except OSError as problem:
            kind = DiskFull if problem.errno in NO_ROOM else DurabilityError
            raise kind(
                f"expected to write the tile {target}, found: {problem.strerror}; the log itself "
                "is whole: make room or check who may write there, then try again"
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
        target = self.directory / TileAt(level, index).path
        try:
            names = os.listdir(target.with_name(f"{target.name}.p"))  # noqa: PTH208 - names only
        except OSError:
            return
        yield from sorted((int(n) for n in names if n.isascii() and n.isdigit()), reverse=True)

    def _spare(self, data: bytes) -> Path:
        """A file of its own with ``data``."""
        spare = self.directory / "tile" / f"{_SPARE}{os.getpid()}-{os.urandom(6).hex()}"
        try:
            descriptor = os.open(spare, _CREATE, 0o644)
        except FileNotFoundError:
            spare.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(spare, _CREATE, 0o644)
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
                spare.unlink()
            raise
        return spare

    def _sweep(self, now: float) -> None:
        """Remove what crashes left long ago; a file younger than that may be somebody's."""
        with suppress(OSError), os.scandir(self.directory / "tile") as found:
            for each in found:
                if each.name.startswith(_SPARE) and each.stat().st_mtime < now - _SPARE_SECONDS:
                    Path(each.path).unlink()


def _rename_into(spare: Path, target: Path) -> None:
    try:
        spare.rename(target)
    except FileNotFoundError:  # the first of its folder, or the folder was just superseded
        target.parent.mkdir(parents=True, exist_ok=True)
        spare.rename(target)


def _remove_folder(partials: Path) -> None:
    """Remove superseded partial tiles; what somebody is just writing there may stay."""
    with suppress(OSError):
        for each in os.scandir(partials):
            os.unlink(each.path)  # noqa: PTH108 - a name of scandir
        partials.rmdir()
