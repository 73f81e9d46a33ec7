"""Small files beside a log: read whole, and replaced whole.

``keep`` and ``settle`` are durable on return; ``publish`` and ``cache`` wait for nothing, because
what they write can be made again from the log. System calls are those that ``file_store`` lists.
Failures are ``OSError``; what they mean for the log is the store's to say.
"""

import os
from contextlib import suppress
from typing import Final

from ledger.disk import NO_ROOM, Folder
from ledger.errors import UnreadableError
from ledger.storage.segment_files import CREATE, READ, WRITE, write_all

MAX_SMALL_FILE: Final = 64 * 1024 * 1024
_SECTOR: Final = 512


class SmallFiles:
    """The files in one folder."""

    def __init__(self, folder: Folder) -> None:
        """Those in ``folder``."""
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        """The file ``name``; None where there is none, ``UnreadableError`` where it resists."""
        try:
            descriptor = self._folder.file(name, READ)
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise UnreadableError(
                f"expected to read {self._folder.path / name}, found: {problem.strerror}"
            ) from problem
        try:
            with open(descriptor, "rb", closefd=False) as file:
                return file.read(MAX_SMALL_FILE)
        except OSError as problem:
            raise UnreadableError(
                f"expected a file {self._folder.path / name}, found: {problem.strerror}"
            ) from problem
        finally:
            os.close(descriptor)

    def keep(self, name: str, data: bytes) -> None:
        """Make the file hold ``data``, whole and durable, or leave it as it was."""
        self._write(name, data, synced=True)
        self._folder.sync()

    def settle(self, name: str, new: str | None) -> None:
        """Give the file the name ``new``, or remove it; durable."""
        if new is None:
            self._folder.remove(name)
        else:
            self._folder.rename(name, new)
        self._folder.sync()

    def publish(self, name: str, data: bytes) -> None:
        """Make the file hold ``data``, over the old content where that is as long.

        A rename would cost as much as an append's own sync. Who reads without the lock may meet a
        mixture of two contents; a power loss may leave one within a sector.
        """
        if len(data) > _SECTOR or not self._overwrite(name, data):
            self.cache(name, data)

    def cache(self, name: str, data: bytes) -> None:
        """Make the file hold ``data``, or leave it as it was where there is no room.

        The log holds what was acknowledged; a stale publication or cache is renewed by the next
        append that finds room, and must not keep anybody from making room.
        """
        try:
            self._write(name, data, synced=False)
        except OSError as problem:
            if problem.errno not in NO_ROOM:
                raise
            with suppress(OSError):
                self._folder.remove(_spare(name))

    def _write(self, name: str, data: bytes, *, synced: bool) -> None:
        spare = _spare(name)
        descriptor = self._folder.file(spare, CREATE)
        try:
            write_all(descriptor, data)
            if synced:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._folder.rename(spare, name)

    def _overwrite(self, name: str, data: bytes) -> bool:
        """Write over the file when it is as long as ``data``; else do nothing."""
        try:
            descriptor = self._folder.file(name, WRITE)
        except OSError:
            return False
        try:
            return os.fstat(descriptor).st_size == len(data) == os.pwrite(descriptor, data, 0)
        finally:
            os.close(descriptor)


def _spare(name: str) -> str:
    return f"{name}.new"
