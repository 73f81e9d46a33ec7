"""Objects as files: ``objects/ab/cdef…``, written beside and renamed.

put     open objects/, create .new-*, write, mkdir ab, rename
flush   open objects/; open and fsync each file, fsync each ab, objects/ and its parent, fchmod; or
        with many files one syncfs, and chmod

The mode tells how far a file has come. It is 0400 until its bytes are synced and 0444 afterwards,
so one ``stat`` answers whether a put may rely on what is there. A file that a crash left at 0400
may hold anything; the next put of that content writes it anew.
"""

import errno
import io
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Final

from blake3 import blake3

from ledger.disk import NO_ROOM, Folder
from ledger.errors import DiskFull, DurabilityError, LedgerError, ObjectMissing, UnreadableError
from ledger.form.canonical import Digest, digest
from ledger.storage.objects import CHUNK_BYTES, Reader, damaged, missing, require, within_limit

_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_HEX_FOLDER: Final = re.compile("[0-9a-f]{2}").fullmatch
_HEX_FILE: Final = re.compile("[0-9a-f]{62}").fullmatch
_SETTLED: Final = 0o444
_FRESH: Final = 0o400
_SYNC_WHOLE_ABOVE: Final = 32
_DIGEST_BYTES: Final = 32


class FileObjects:
    """Content files below one directory, shared by all processes of a ledger."""

    def __init__(self, directory: Path, *, within: Folder | None = None) -> None:
        """Use ``directory``, which is made at the first put.

        ``within`` is the folder that holds it, where its owner keeps that open.
        """
        self._directory = directory
        self._above = Folder(directory.parent) if within is None else within
        self._pending: dict[Digest, str] = {}
        self._serial = 0
        self._mutex = Lock()
        self._failed = False

    def put(self, data: bytes) -> Digest:
        """Keep ``data``; one stat when it is here already."""
        within_limit(len(data))
        name = digest(data)
        if not self._settled(name, len(data)):
            with_file = _OneShot(data)
            self._store(with_file)
        return name

    def put_stream(self, reader: Reader) -> Digest:
        """Keep what ``reader`` gives, hashing while writing."""
        return self._store(reader)

    def get(self, name: Digest) -> bytes:
        """The content, hashed again."""
        with self._open(name) as file:
            return require(name, file.read())

    def open(self, name: Digest) -> BinaryIO:
        """The content as a stream, verified whole before the first byte is handed out."""
        file = self._open(name)
        try:
            if os.fstat(file.fileno()).st_size <= CHUNK_BYTES:
                with file:
                    return io.BytesIO(require(name, file.read()))
            _check_stream(name, file)
        except BaseException:
            file.close()
            raise
        return file

    def has(self, name: Digest) -> bool:
        """Whether a file of that name is here."""
        try:
            return stat.S_ISREG(self._above.target(self._place(name)).st_mode)
        except OSError:
            return False

    def flush(self) -> None:
        """Sync what is pending, then mark it settled; after one failure it fails for good."""
        if self._failed:  # the kernel forgot what it could not write, so the next sync would lie
            raise DurabilityError(
                f"expected a sync of {self._directory} that holds, found one that failed before; "
                "open the ledger again and put the objects again"
            )
        if not self._pending:  # what another thread is about to add, no record names yet
            return
        with self._mutex:
            pending = dict(self._pending)
        try:
            self._sync(pending)
        except OSError as problem:
            self._failed = True
            raise _write_error(problem, self._directory) from problem
        with self._mutex:  # what other threads put meanwhile waits for the next flush
            for name in pending:
                self._pending.pop(name, None)

    def path(self, name: Digest) -> Path:
        """Where the object called ``name`` lies."""
        return self._directory / _within(name)

    def names(self) -> Iterator[Digest]:
        """The digests of all objects that lie here; raises ``OSError``."""
        with suppress(FileNotFoundError), self._above.folder(self._directory.name) as folder:
            for each in sorted(folder.names()):
                for rest in folder.names(each) if _HEX_FOLDER(each) else ():
                    if _HEX_FILE(rest):
                        yield Digest(bytes.fromhex(each + rest))

    def beginning(self, name: Digest, count: int) -> bytes:
        """The first ``count`` bytes of an object, not hashed: a hint, and no content."""
        with self._open(name) as file:
            return file.read(count)

    def remove(self, name: Digest) -> None:
        """Take an object away for good, where it is here; raises ``OSError``."""
        with suppress(FileNotFoundError):
            self._above.remove(self._place(name))

    def _place(self, name: Digest) -> str:
        return f"{self._directory.name}/{_within(name)}"

    def _open(self, name: Digest) -> BinaryIO:
        path = self._place(name)
        try:
            descriptor = self._above.file(path, _READ)
        except (FileNotFoundError, NotADirectoryError):
            raise missing(name) from None
        except OSError as problem:
            if problem.errno == errno.ELOOP:
                raise missing(name) from problem
            raise UnreadableError(
                f"expected to read object {self.path(name)}, found: {problem.strerror}; check its "
                "mode"
            ) from problem
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise missing(name)
        return os.fdopen(descriptor, "rb")

    def _settled(self, name: Digest, size: int) -> bool:
        if name in self._pending:
            return True
        try:
            state = self._above.state(self._place(name))
        except OSError:
            return False
        if not stat.S_ISREG(state.st_mode) or state.st_size != size:
            return False
        return stat.S_IMODE(state.st_mode) == _SETTLED

    def _store(self, reader: Reader) -> Digest:
        try:
            with self._made() as folder:
                return self._store_in(folder, reader)
        except OSError as problem:
            raise _write_error(problem, self._directory) from problem

    def _store_in(self, folder: Folder, reader: Reader) -> Digest:
        spare, descriptor = self._spare(folder)
        try:
            name, size = _copy(reader, descriptor)
            path = _within(name)
            with self._mutex:  # never renames over a file that a flush is syncing
                if not self._settled(name, size):
                    self._rename(folder, spare, path)
                    self._pending[name] = path
                    return name
        except (OSError, LedgerError):
            with suppress(FileNotFoundError):
                folder.remove(spare)
            raise
        folder.remove(spare)
        return name

    def _made(self) -> Folder:
        """The folder of objects, open; made where there is none."""
        try:
            return self._above.folder(self._directory.name)
        except FileNotFoundError:
            self._directory.parent.mkdir(parents=True, exist_ok=True)
            self._above.make(self._directory.name)
            return self._above.folder(self._directory.name)

    def _rename(self, folder: Folder, spare: str, path: str) -> None:
        try:
            folder.rename(spare, path)
        except FileNotFoundError:  # the first in its folder
            folder.make(path[:2])
            folder.rename(spare, path)

    def _spare(self, folder: Folder) -> tuple[str, int]:
        while True:
            self._serial += 1
            spare = f".new-{os.getpid()}-{self._serial}"
            try:
                return spare, folder.file(spare, _CREATE, _FRESH)
            except FileExistsError:
                continue  # left by a dead process of the same number

    def _sync(self, pending: dict[Digest, str]) -> None:
        # Order: bytes, then folders, then the mode that says both are done.
        with self._above.folder(self._directory.name) as folder:
            if len(pending) > _SYNC_WHOLE_ABOVE and _sync_filesystem(folder):
                for path in pending.values():
                    folder.set_mode(path, _SETTLED)
                return
            opened: list[int] = []
            try:
                for path in pending.values():
                    opened.append(folder.file(path, os.O_RDONLY | os.O_CLOEXEC))
                    os.fsync(opened[-1])
                for each in {path[:2] for path in pending.values()}:
                    with folder.folder(each) as inner:
                        inner.sync()
                folder.sync()
                self._above.sync()
                for descriptor in opened:
                    os.fchmod(descriptor, _SETTLED)
            finally:
                for descriptor in opened:
                    os.close(descriptor)


def _within(name: Digest) -> str:
    """Where the object called ``name`` lies beneath its store."""
    if len(name) != _DIGEST_BYTES:
        raise ObjectMissing(f"expected a digest of 32 bytes, found {len(name)}")
    text = name.hex()
    return f"{text[:2]}/{text[2:]}"


def _check_stream(name: Digest, file: BinaryIO) -> None:
    hasher = blake3()
    while part := file.read(CHUNK_BYTES):
        hasher.update(part)
    if hasher.digest() != name:
        raise damaged(name, hasher.digest())
    file.seek(0)


class _OneShot:
    """A reader over bytes that are in memory already."""

    def __init__(self, data: bytes) -> None:
        self._data: bytes = data

    def __call__(self, _count: int) -> bytes:
        data, self._data = self._data, b""
        return data


def _copy(reader: Reader, descriptor: int) -> tuple[Digest, int]:
    hasher, total = blake3(), 0
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        while part := reader(CHUNK_BYTES):
            total = within_limit(total + len(part))
            hasher.update(part)
            view = memoryview(part)
            while view:
                view = view[file.write(view) :]
    return Digest(hasher.digest()), total


def _sync_filesystem(folder: Folder) -> bool:
    """One ``syncfs`` for all pending files; False where the C library does not offer it."""
    import ctypes  # noqa: PLC0415 - keeps 2 ms from every start that stores few objects

    syncfs: Callable[[int], int] | None = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        return False
    descriptor = folder.file(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)
    return True


def _write_error(problem: OSError, place: Path) -> DurabilityError:
    kind = DiskFull if problem.errno in NO_ROOM else DurabilityError
    return kind(
        f"expected to store an object in {place}, found: {problem.strerror}; make room or repair "
        "the disk, then open the ledger again"
    )
