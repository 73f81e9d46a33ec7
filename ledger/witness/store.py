"""What a witness remembers: for each log the last checkpoint it cosigned. Durable.

``heads/<SHA-256 of the origin in hex>/checkpoint`` is that checkpoint with the log's signatures
and the witness' cosignatures: exactly what C2SP tlog-witness publishes to monitors under
``<origin hash>/checkpoint``, so the folder ``heads`` can be served as it is.

A head moves by compare-and-swap: ``replace`` takes what the caller believed and does nothing when
the disk says otherwise. Threads and processes exclude one another by ``flock`` on the log's
folder, held for the comparison and the write only. The sequence, and what a crash leaves:

  write and fsync checkpoint.new     the old head stands; the next write starts afresh
  rename over checkpoint             old or new; the new one was told to nobody, but is a head
                                     that the log signed and that follows from the old one
  fsync the folder, and for a first head ``heads`` too
                                     the new head stands; only now may it be answered

Where there is no room, at any call until the new head has its name, nothing changes and it may be
tried again: the spare file is given up, so that no later sync has to speak for its pages. Any other
failure from the first sync on, and every one after the rename, is final for this instance: it
answers nothing more, and its owner starts again.
What is read must carry a cosignature by the witness' own key; anything else is damage, and
nothing is cosigned on top of it. An owner who puts an old copy of the folder back is not found out.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from ledger.disk import NO_ROOM, sync_directory
from ledger.errors import NoteError, WitnessFull, WitnessStoreError
from ledger.trust.cosignature import TreeHead
from ledger.trust.note import MAX_NOTE_BYTES, Verifier, accepted, parse

LOCK_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.002
_SPARE: Final = "checkpoint.new"
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class Remembered:
    """A head, and the cosigned checkpoint that states it."""

    head: TreeHead
    data: bytes


def origin_hash(origin: str) -> str:
    """How the folder of a log is called, here and in the URL for monitors."""
    return sha256(origin.encode()).hexdigest()


class WitnessStore:
    """The memory of one witness in ``directory``; several processes may hold one each."""

    def __init__(self, directory: Path, keys: tuple[Verifier, ...]) -> None:
        """Use ``directory``, making it when there is none; ``keys`` are the witness' own."""
        self.directory = directory
        self._heads = directory / "heads"
        self._keys = keys
        self._failed = ""
        try:
            directory.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._heads.mkdir(exist_ok=True)
            sync_directory(directory)
            sync_directory(directory.parent)
        except OSError as problem:
            raise WitnessStoreError(
                f"expected to keep heads in {directory}, found: {problem.strerror}; give another "
                "folder"
            ) from problem

    def latest(self, origin: str) -> Remembered | None:
        """The head cosigned last for ``origin``; None when there was none."""
        self._require_sound()
        data = self._read(origin_hash(origin))
        return None if data is None else self._checked(origin, data)

    def published(self, name: str) -> bytes | None:
        """The cosigned checkpoint of the log whose origin hashes to ``name``."""
        self._require_sound()
        return self._read(name)

    def replace(self, origin: str, believed: Remembered | None, data: bytes) -> bool:
        """Make ``data`` the head of ``origin`` durably; False when ``believed`` is not the head."""
        folder = self._heads / origin_hash(origin)
        try:
            folder.mkdir(exist_ok=True)
            with self._locked(folder) as descriptor:
                if self.latest(origin) != believed:
                    return False
                written = _write(descriptor, data)
                self._settle(written, descriptor, first=believed is None)
        except OSError as problem:
            told = f"expected to keep a head of {origin!r} in {folder}, found: {problem.strerror}"
            if problem.errno in NO_ROOM and not self._failed:
                raise WitnessFull(f"{told}; make room, then ask again") from problem
            raise WitnessStoreError(f"{told}; check the disk") from problem
        return True

    def keep_fork(self, origin: str, data: bytes) -> None:
        """Keep the first checkpoint that contradicts the cosigned one: proof of a fork.

        Losing it costs evidence, not safety: it is written without a sync, and never twice.
        """
        path = self._heads / origin_hash(origin) / "fork"
        with suppress(OSError), path.open("xb") as file:
            file.write(data)

    def _settle(self, written: int, folder: int, *, first: bool) -> None:
        """Final is a failure that leaves open what the disk holds: see the module's first lines."""
        try:
            os.fsync(written)
            os.rename(_SPARE, "checkpoint", src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
            if first:
                sync_directory(self._heads)
        except OSError as problem:
            if problem.errno in NO_ROOM and _has_spare_name(written, folder):
                _give_up(folder)
            else:
                self._failed = problem.strerror or type(problem).__name__
            raise
        finally:
            os.close(written)

    def _read(self, name: str) -> bytes | None:
        try:
            descriptor = os.open(self._heads / name / "checkpoint", _READ)
            try:
                return os.read(descriptor, MAX_NOTE_BYTES + 1)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise WitnessStoreError(
                f"expected to read {self._heads / name}/checkpoint, found: {problem.strerror}"
            ) from problem

    def _checked(self, origin: str, data: bytes) -> Remembered:
        try:
            note = parse(data)
            accepted(note, self._keys)
            head = TreeHead.parse(note.text)
        except NoteError as problem:
            raise WitnessStoreError(
                f"expected a head cosigned by this witness in "
                f"{self._heads / origin_hash(origin)}/checkpoint, found another text ({problem}); "
                "the store is damaged or belongs to another key: restore it, never delete it"
            ) from problem
        if head.origin != origin:
            raise WitnessStoreError(
                f"expected the head of {origin!r} in its folder, found one of {head.origin!r}"
            )
        return Remembered(head, data)

    @contextmanager
    def _locked(self, folder: Path) -> Iterator[int]:
        descriptor = os.open(folder, _FOLDER)
        try:
            until = monotonic() + LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as problem:
                    if monotonic() > until:
                        raise WitnessStoreError(
                            f"expected the lock of {folder} within {LOCK_SECONDS:g} s, found it "
                            "held; another process of this witness hangs"
                        ) from problem
                    sleep(_POLL_SECONDS)
            yield descriptor
        finally:
            os.close(descriptor)

    def _require_sound(self) -> None:
        if self._failed:
            raise WitnessStoreError(
                f"expected a head to reach the disk, found: {self._failed}; what it left is "
                "unknown, so restart"
            )


def _write(folder: int, data: bytes) -> int:
    """Write the spare file in the locked ``folder``; its descriptor, not yet synced."""
    descriptor = os.open(_SPARE, _CREATE, 0o644, dir_fd=folder)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        os.close(descriptor)
        _give_up(folder)
        raise
    return descriptor


def _has_spare_name(written: int, folder: int) -> bool:
    """Whether the file is no head yet; asked, because a rename may fail and yet be done."""
    try:
        return os.path.samestat(os.stat(_SPARE, dir_fd=folder), os.fstat(written))
    except OSError:
        return False


def _give_up(folder: int) -> None:
    with suppress(OSError):  # the next write empties it anyway
        os.unlink(_SPARE, dir_fd=folder)
