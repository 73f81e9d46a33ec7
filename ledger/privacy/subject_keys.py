"""The secret keys of subjects: one file each, made once, destroyed once.

A key belongs to one subject in one ledger. In the folder (mode 0700, nothing else inside) lie

    <64 hex>.key        mode 0600: canonical [1, origin, subject, key]; named by a hash of the two
    <32 hex>.subject    the same file under the subject's pseudonym (a hard link)
    <32 hex>.shredding  empty: a shredding of this pseudonym has begun, the ledger knows how far
    lock                flock: shared to seal, exclusive to make or destroy a key
    .new-*              a key that was never used; swept away by whoever holds the lock exclusively

Life of a key, with what a crash leaves after each step:

made       spare written and synced; linked to ``.key`` (one of several racing processes wins);
           linked to ``.subject``; folder synced. Without ``.subject`` nothing was sealed yet, and
           the next use adds it.
shredding  ``.shredding`` made and synced; the caller records the shredding in the ledger. Left
           behind: a mark, which only means that the ledger must be asked.
destroyed  overwritten with zeros and synced; both names unlinked; folder synced; the mark
           unlinked. A file of zeros is a destroyed key: it opens nothing, and whoever holds the
           lock exclusively next sweeps it away, and the mark after it.

Keys are read from the disk for every use and kept nowhere, so a process that opened the folder
earlier cannot go on reading. Overwriting reaches the blocks that the file has now: copies in
backups, snapshots, or a flash disk's spare blocks are beyond it. Keep the folder out of backups,
on a disk that is encrypted.
"""

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from blake3 import blake3

from ledger.disk import NO_ROOM, sync_directory
from ledger.errors import (
    CanonicalError,
    DiskFull,
    DurabilityError,
    KeyExposed,
    KeyFormatError,
    SubjectKeyMissing,
    UnreadableError,
)
from ledger.form import canonical
from ledger.privacy import sealed

FORM: Final = 1
_NAME_CONTEXT: Final = "os2shell ledger v1 2026 file name of subject key"
_PSEUDONYM: Final = re.compile("[0-9a-f]{32}")
_MAX_FILE: Final = 8192
_FLAGS: Final = os.O_CLOEXEC | os.O_NOFOLLOW
_FIELDS: Final = 4
_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True, repr=False)
class SubjectKey:
    """A subject's secret; whoever shows one shows the pseudonym only."""

    origin: str
    subject: str
    secret: bytes

    def __repr__(self) -> str:  # type: ignore[explicit-override]  # typing has it from 3.12
        """Neither the secret nor the name."""
        return f"SubjectKey({self.pseudonym})"

    @property
    def pseudonym(self) -> str:
        """What records call the subject."""
        return sealed.pseudonym(self.secret, self.origin)


class SubjectKeys:
    """The key files in one folder, shared by processes."""

    def __init__(self, folder: Path) -> None:
        """Use ``folder``, which is made with the first key."""
        self.folder = folder

    @contextmanager
    def shared(self) -> Iterator[None]:
        """While held, no key is destroyed."""
        with self._locked(fcntl.LOCK_SH):
            yield

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """While held, nobody seals, makes or destroys; what a crash left is swept away first."""
        with self._locked(fcntl.LOCK_EX):
            try:
                self._sweep()
            except OSError as problem:
                _not_written(self.folder, problem)
            yield

    def exists(self) -> bool:
        """Whether the folder is there; refused when others can look into it."""
        try:
            state = self.folder.stat()
        except FileNotFoundError:
            return False
        except OSError as problem:
            _unreadable(self.folder, problem)
        if not stat.S_ISDIR(state.st_mode):
            raise KeyFormatError(f"expected a folder of keys at {self.folder}, found a file")
        if state.st_mode & _OTHERS:
            raise KeyExposed(
                f"expected mode 0700 on {self.folder}, found {stat.S_IMODE(state.st_mode):04o}; "
                "others may know these keys: chmod 700 it if you are sure they do not"
            )
        return True

    def create_folder(self) -> None:
        """Make the folder, durably."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_directory(self.folder.parent)
        except OSError as problem:
            _not_written(self.folder, problem)
        self.exists()

    def find(self, origin: str, subject: str) -> SubjectKey | None:
        """The key of ``subject``, if it was made and is not destroyed."""
        return self._load(self._path(origin, subject))

    def named(self, pseudonym: str) -> SubjectKey | None:
        """The key of the subject that records call ``pseudonym``."""
        if not _PSEUDONYM.fullmatch(pseudonym):
            raise SubjectKeyMissing(
                f"expected a pseudonym of 32 hexadecimal digits, found {pseudonym[:80]!r}"
            )
        found = self._load(self._alias(pseudonym))
        if found is not None and found.pseudonym != pseudonym:
            raise KeyFormatError(
                f"expected the key of {pseudonym}, found the key of {found.pseudonym} under its "
                "name; a file in the folder of keys was renamed"
            )
        return found

    def make(self, origin: str, subject: str) -> SubjectKey:
        """The key of ``subject``, made if there is none; hold ``exclusive``."""
        path = self._path(origin, subject)
        key = self._load(path)
        try:
            if key is None:
                path.unlink(missing_ok=True)  # zeros, left by a crash
                key = self._create(path, SubjectKey(origin, subject, os.urandom(sealed.KEY_BYTES)))
            alias = self._alias(key.pseudonym)
            if not os.path.lexists(alias):
                alias.hardlink_to(path)
            sync_directory(self.folder)
        except OSError as problem:
            _not_written(path, problem)
        return key

    def complete(self, key: SubjectKey) -> bool:
        """Whether records may name ``key`` by its pseudonym already."""
        return os.path.lexists(self._alias(key.pseudonym))

    def mark(self, key: SubjectKey) -> None:
        """Say, durably, that a shredding has begun."""
        try:
            os.close(os.open(self._mark(key.pseudonym), os.O_CREAT | os.O_WRONLY | _FLAGS, 0o600))
            sync_directory(self.folder)
        except OSError as problem:
            _not_written(self.folder, problem)

    def marked(self, pseudonym: str) -> bool:
        """Whether a shredding of ``pseudonym`` has begun and was not finished."""
        return os.path.lexists(self._mark(pseudonym))

    def destroy(self, key: SubjectKey) -> None:
        """Overwrite the key, durably, then take its names away; hold ``exclusive``."""
        path, alias = self._path(key.origin, key.subject), self._alias(key.pseudonym)
        try:
            _overwrite(path)
            _overwrite(alias)
            path.unlink(missing_ok=True)
            alias.unlink(missing_ok=True)
            sync_directory(self.folder)
            self._mark(key.pseudonym).unlink(missing_ok=True)
        except OSError as problem:
            _not_written(self.folder, problem)

    def all(self) -> Iterator[SubjectKey]:
        """Every key here, in no useful order."""
        try:
            paths = sorted(self.folder.glob("*.key"))
        except OSError as problem:
            _unreadable(self.folder, problem)
        for path in paths:
            key = self._load(path)
            if key is not None:
                yield key

    def _sweep(self) -> None:
        """Take away what is of no use: keys never used, and keys that are zeros already."""
        for spare in self.folder.glob(".new-*"):
            _overwrite(spare)
            spare.unlink(missing_ok=True)
        destroyed = [
            mark for mark in self.folder.glob("*.shredding") if self.named(mark.stem) is None
        ]
        if not destroyed:
            return
        for path in (*self.folder.glob("*.key"), *self.folder.glob("*.subject")):
            if self._load(path) is None:
                path.unlink(missing_ok=True)
        sync_directory(self.folder)
        for mark in destroyed:
            mark.unlink(missing_ok=True)

    def _path(self, origin: str, subject: str) -> Path:
        name = blake3(canonical.encode([origin, subject]), derive_key_context=_NAME_CONTEXT)
        return self.folder / f"{name.hexdigest()}.key"

    def _alias(self, pseudonym: str) -> Path:
        return self.folder / f"{pseudonym}.subject"

    def _mark(self, pseudonym: str) -> Path:
        return self.folder / f"{pseudonym}.shredding"

    def _load(self, path: Path) -> SubjectKey | None:
        """The key in ``path``; None when it is absent or destroyed."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _FLAGS)
        except FileNotFoundError:
            return None
        except OSError as problem:
            _unreadable(path, problem)
        try:
            _require_private(path, os.fstat(descriptor))
            data = os.read(descriptor, _MAX_FILE)
        except OSError as problem:
            _unreadable(path, problem)
        finally:
            os.close(descriptor)
        return _parsed(path, data) if any(data) else None

    def _create(self, path: Path, key: SubjectKey) -> SubjectKey:
        data = canonical.encode([FORM, key.origin, key.subject, key.secret])
        spare = self.folder / f".new-{os.getpid()}-{os.urandom(4).hex()}"
        descriptor = os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            try:
                path.hardlink_to(spare)
            except FileExistsError:  # where locks do not hold, another process was first
                won = self._load(path)
                if won is None:
                    raise
                return won
        finally:
            spare.unlink()
        return key

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        path = self.folder / "lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
        except OSError as problem:
            _unreadable(path, problem)
        try:
            try:
                fcntl.flock(descriptor, kind)
            except OSError as problem:
                _unreadable(path, problem)
            yield
        finally:
            os.close(descriptor)


def _overwrite(path: Path) -> None:
    """Zeros over every byte, on the disk before this returns; an absent file is as good."""
    try:
        descriptor = os.open(path, os.O_WRONLY | _FLAGS)
    except FileNotFoundError:
        return
    try:
        left, at = os.fstat(descriptor).st_size, 0
        while left:
            written = os.pwrite(descriptor, bytes(left), at)
            left, at = left - written, at + written
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require_private(path: Path, state: os.stat_result) -> None:
    if not stat.S_ISREG(state.st_mode):
        raise KeyFormatError(f"expected a key file at {path}, found something else")
    if state.st_mode & _OTHERS:
        raise KeyExposed(
            f"expected mode 0600 on {path}, found {stat.S_IMODE(state.st_mode):04o}; others may "
            "know this key: chmod 600 it if you are sure they do not"
        )


def _parsed(path: Path, data: bytes) -> SubjectKey:
    try:
        values = canonical.decode(data)
    except CanonicalError:
        values = None
    match values:
        case [int(form), str(origin), str(subject), bytes(secret)] if (
            form == FORM and len(secret) == sealed.KEY_BYTES
        ):
            return SubjectKey(origin, subject, secret)
        case _:  # never quote what is there: it may be a key
            raise KeyFormatError(
                f"expected a subject's key in {path}, found something else; remove the file if "
                "it is foreign"
            ) from None


def _unreadable(path: Path, problem: OSError) -> NoReturn:
    raise UnreadableError(
        f"expected to read {path}, found: {problem.strerror}; check its mode"
    ) from problem


def _not_written(path: Path, problem: OSError) -> NoReturn:
    kind = DiskFull if problem.errno in NO_ROOM else DurabilityError
    raise kind(
        f"expected to write {path}, found: {problem.strerror}; repair the disk or make room, "
        "then do it again"
    ) from problem
