"""Objects as files: ``objects/ab/cdef…``, written beside and renamed.

The mode tells how far a file has come. It is 0400 until its bytes are synced and 0444 afterwards,
so one ``stat`` answers whether a put may rely on what is there. A file that a crash left at 0400
may hold anything; the next put of that content writes it anew.
"""

import errno
import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Final

from blake3 import blake3

from ledger.disk import NO_ROOM, sync_directory
from ledger.errors import DiskFull, DurabilityError, LedgerError, ObjectMissing, UnreadableError
from ledger.form.canonical import Digest, digest
from ledger.storage.objects import CHUNK_BYTES, Reader, damaged, missing, require, within_limit

_SETTLED: Final = 0o444
_FRESH: Final = 0o400
_SYNC_WHOLE_ABOVE: Final = 32
_DIGEST_BYTES: Final = 32


class FileObjects:
    """Content files below one directory, shared by all processes of a ledger."""

    def __init__(self, directory: Path) -> None:
        """Use ``directory``, which is made at the first put."""
        self._directory = directory
        self._pending: dict[Digest, Path] = {}
        self._made: set[Path] = set()
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
        return self.path(name).is_file()

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
        if len(name) != _DIGEST_BYTES:
            raise ObjectMissing(f"expected a digest of 32 bytes, found {len(name)}")
        text = name.hex()
        return self._directory / text[:2] / text[2:]

    def _open(self, name: Digest) -> BinaryIO:
        path = self.path(name)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            raise missing(name) from None
        except OSError as problem:
            if problem.errno == errno.ELOOP:
                raise missing(name) from problem
            raise UnreadableError(
                f"expected to read object {path}, found: {problem.strerror}; check its mode"
            ) from problem
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise missing(name)
        return os.fdopen(descriptor, "rb")

    def _settled(self, name: Digest, size: int) -> bool:
        if name in self._pending:
            return True
        try:
            state = self.path(name).lstat()
        except OSError:
            return False
        if not stat.S_ISREG(state.st_mode) or state.st_size != size:
            return False
        return stat.S_IMODE(state.st_mode) == _SETTLED

    def _store(self, reader: Reader) -> Digest:
        spare = None
        try:
            self._make(self._directory)
            spare, descriptor = self._spare()
            name, size = _copy(reader, descriptor)
            path = self.path(name)
            self._make(path.parent)
            with self._mutex:  # never renames over a file that a flush is syncing
                if self._settled(name, size):
                    spare.unlink()
                    return name
                spare.rename(path)
                self._pending[name] = path
        except OSError as problem:
            if spare is not None:
                spare.unlink(missing_ok=True)
            raise _write_error(problem, self._directory) from problem
        except LedgerError:
            if spare is not None:
                spare.unlink(missing_ok=True)
            raise
        return name

    def _spare(self) -> tuple[Path, int]:
        while True:
            self._serial += 1
            spare = self._directory / f".new-{os.getpid()}-{self._serial}"
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                return spare, os.open(spare, flags, _FRESH)
            except FileExistsError:
                continue  # left by a dead process of the same number

    def _make(self, folder: Path) -> None:
        if folder not in self._made:
            folder.mkdir(parents=True, exist_ok=True)
            self._made.add(folder)

    def _sync(self, pending: dict[Digest, Path]) -> None:
        # Order: bytes, then folders, then the mode that says both are done.
        if len(pending) > _SYNC_WHOLE_ABOVE and _sync_filesystem(self._directory):
            for path in pending.values():
                path.chmod(_SETTLED)
            return
        opened: list[int] = []
        try:
            for path in pending.values():
                opened.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
                os.fsync(opened[-1])
            folders = {path.parent for path in pending.values()}
            for folder in (*folders, self._directory, self._directory.parent):
                sync_directory(folder)
            for descriptor in opened:
                os.fchmod(descriptor, _SETTLED)
        finally:
            for descriptor in opened:
                os.close(descriptor)


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


def _sync_filesystem(folder: Path) -> bool:
    """One ``syncfs`` for all pending files; False where the C library does not offer it."""
    import ctypes  # noqa: PLC0415 - keeps 2 ms from every start that stores few objects

    syncfs: Callable[[int], int] | None = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:
        return False
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
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
