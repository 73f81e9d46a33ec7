"""The last signed head, kept apart from the log: the memory that a cut or forked log meets.

The file holds the newest checkpoint this machine saw, byte for byte as it was signed. It moves by
compare-and-swap under a lock: never to a smaller size, another log, or another root for the same
size. Where it lies is the caller's choice, and all its worth: on the same disk it shows accidents
and careless cuts, elsewhere it shows the disk's owner too.

Sequences of system calls for one advance, between flock and unlock of ``<path>.lock``:

as long as before   open, read, pwrite over it: one sector, so that a crash leaves the old note or
                    the new one, and whoever reads under the lock meets no mixture
otherwise           open the folder, create ``<path>.new``, write, rename (some file systems start
                    to write the file at a rename over another, which costs twenty times as much)

Without ``sync`` nothing waits for the disk, so a power loss can leave

- the head before this one, or several before: the log is longer then and is held against that;
- an empty or zeroed file, on file systems that rename before they write: this is refused by name,
  because an empty memory would accept any log. Verify the log, then delete the file.

It can be ahead of the log only where the log lost acknowledged records: durability ``os``, or a
lying disk. That is a rollback, and is called one.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import RLock
from typing import Final

from ledger.disk import NO_ROOM, Folder
from ledger.errors import (
    CheckpointError,
    ClosedError,
    DiskFull,
    DurabilityError,
    EquivocationError,
    NoteError,
    RollbackError,
    UnreadableError,
)
from ledger.trust import checkpoint
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.equivocation import Equivocation, Finding, Prefix, judge, signed
from ledger.trust.keys import PublicKey
from ledger.trust.note import MAX_NOTE_BYTES

_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
_OVER: Final = os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_SECTOR: Final = 512
_LOCK: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class LogFacts:
    """What a log says about itself: its signed head, its keys, and its past.

    ``prefix`` answers for a size below the head: the tree's root there and the consistency proof
    from there to the head; costs little where the tiles lie, a pass over the log where not.
    ``chain`` answers the chain digest there, None where the record before it was pruned.
    """

    checkpoint: Checkpoint | None
    keys: Sequence[PublicKey]
    prefix: Callable[[int], Prefix]
    chain: Callable[[int], bytes | None]


class KeptHead:
    """A signed head in a file that only ever moves forward."""

    def __init__(self, path: Path, *, sync: bool = False) -> None:
        """Keep the head at ``path``; with ``sync``, wait for the disk at every advance."""
        self.path = path
        self._sync = sync
        self._lock: int | None = None
        self._closed = False
        self._mutex = RLock()
        self._seen: tuple[bytes, Checkpoint] | None = None
        self._keys: tuple[PublicKey, ...] = ()

    def load(self) -> Checkpoint | None:
        """The kept head as it lies there, its signature not judged; None before the first."""
        with self._mutex, self._shared():
            return self._load()

    def advance(self, head: Checkpoint) -> None:
        """Keep ``head``, unless it goes back or contradicts what is kept.

        Call it in the order of the log, that is under the log's lock.
        """
        with self._exclusive():
            kept = self._load()
            if kept is not None:
                if kept.note == head.note:
                    return
                self._require_same_log(kept, head)
                if head.size < kept.size:
                    raise RollbackError(
                        head.size,
                        f"expected a head of at least {kept.size} records, as {self.path} keeps "
                        f"it, found one of {head.size}; the log was cut or is an old copy",
                    )
                if head.size == kept.size:
                    self._refuse_contradiction(kept, head)
            self._store(head.note, kept)
            self._seen = head.note, head

    def hold_against(self, log: LogFacts) -> None:
        """Refuse a log that is shorter than the kept head, or has another past.

        Raises ``RollbackError`` or ``EquivocationError``; for the latter a proof file is written
        beside the kept head. A kept head that no key of the log signed is refused too.
        """
        self._keys = tuple(log.keys)
        kept = self.load()
        if kept is None:
            return
        try:
            signed(kept.note, log.keys)
        except NoteError as problem:
            raise CheckpointError(
                f"expected in {self.path} a head signed by this log's key: {problem}; it is the "
                "memory of another log, or was altered"
            ) from problem
        head = log.checkpoint
        size = head.size if head is not None else 0
        if head is None or size < kept.size:
            raise RollbackError(
                size,
                f"expected at least {kept.size} records, as the head kept in {self.path} states, "
                f"found {size} signed ones; the log was cut: restore it from a copy",
            )
        if size == kept.size:
            self._refuse_contradiction(kept, head)
        elif kept.size:
            self._refuse_contradiction(kept, head, log.prefix(kept.size))
            self._refuse_other_chain(kept, log)

    def close(self) -> None:
        """Release the lock file; idempotent."""
        with self._mutex:
            self._closed = True
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def _load(self) -> Checkpoint | None:
        data = self._read()
        if data is None:
            return None
        if self._seen is not None and self._seen[0] == data:
            return self._seen[1]
        if not data.strip(b"\0"):
            raise CheckpointError(
                f"expected a signed head in {self.path}, found an empty file, as a power loss can "
                "leave it; verify the log, compare it with a copy, then delete the file"
            )
        try:
            found = checkpoint.read(data)
        except NoteError as problem:
            raise CheckpointError(
                f"expected a signed head in {self.path}: {problem}; verify the log, compare it "
                "with a copy, then delete the file"
            ) from problem
        self._seen = data, found
        return found

    def _require_same_log(self, kept: Checkpoint, head: Checkpoint) -> None:
        if kept.origin != head.origin:
            raise CheckpointError(
                f"expected in {self.path} a head of {head.origin!r}, found one of "
                f"{kept.origin!r}; keep each log's head in a file of its own"
            )

    def _refuse_contradiction(
        self, kept: Checkpoint, head: Checkpoint, prefix: Prefix | None = None
    ) -> None:
        self._require_same_log(kept, head)
        found = judge(kept, head, prefix)
        if found.finding is Finding.TWO_HEADS:
            told = self._write_proof(Equivocation(self._keys, kept.note, head.note, prefix))
            raise EquivocationError(max(kept.size - 1, 0), f"{found.reason}; {told}")

    def _refuse_other_chain(self, kept: Checkpoint, log: LogFacts) -> None:
        chain = log.chain(kept.size)
        if chain is not None and chain != kept.chain:
            raise EquivocationError(
                kept.size - 1,
                f"expected chain digest {kept.chain.hex()} after {kept.size} records, as "
                f"{self.path} keeps it, found {chain.hex()} over the same records; the key signed "
                "a false digest",
            )

    def _write_proof(self, evidence: Equivocation) -> str:
        """Put the proof beside the kept head, durable, named by its content; says where it is."""
        data = evidence.encode()
        name = f"{self.path.name}.equivocation-{sha256(data).hexdigest()[:16]}.json"
        proof = self.path.with_name(name)
        try:
            self._write(proof, data, sync=True)
        except DurabilityError as problem:
            return f"the proof could not be written: {problem}"  # the alarm must sound all the same
        return f"the proof is in {proof}: keep it"

    def _read(self) -> bytes | None:
        try:
            descriptor = os.open(self.path, _READ)
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise UnreadableError(
                f"expected to read the kept head {self.path}, found: {problem.strerror}"
            ) from problem
        try:
            return os.read(descriptor, MAX_NOTE_BYTES + 1)
        except OSError as problem:
            raise UnreadableError(
                f"expected a file {self.path}, found: {problem.strerror}"
            ) from problem
        finally:
            os.close(descriptor)

    def _store(self, data: bytes, kept: Checkpoint | None) -> None:
        if kept is None or len(kept.note) != len(data) or len(data) > _SECTOR:
            self._write(self.path, data, sync=self._sync)
            return
        try:
            descriptor = os.open(self.path, _OVER)
            try:
                os.pwrite(descriptor, data, 0)
                if self._sync:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as problem:
            raise _unkept(self.path, problem) from problem

    def _write(self, target: Path, data: bytes, *, sync: bool) -> None:
        try:
            with Folder.opened(target.parent) as folder:
                _write_in(folder, target.name, data, sync=sync)
        except OSError as problem:
            raise _unkept(target, problem) from problem

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        with self._mutex:
            if self._closed:
                raise ClosedError("expected an open kept head, found a closed one; make another")
            if self._lock is None:
                self._lock = self._open_lock()
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX)
            except OSError as problem:
                raise _unkept(self.path, problem) from problem
            try:
                yield
            finally:
                try:
                    fcntl.flock(self._lock, fcntl.LOCK_UN)
                except OSError:  # closing lets go of it for certain
                    os.close(self._lock)
                    self._lock = None

    @contextmanager
    def _shared(self) -> Iterator[None]:
        """Keep writers away while reading; without a lock file there are none."""
        try:
            lock = os.open(f"{self.path}.lock", _READ)
        except OSError:
            yield
            return
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH)
            except OSError as problem:
                raise UnreadableError(
                    f"expected to lock the kept head {self.path}, found: {problem.strerror}; check "
                    "the disk, or keep the head on another"
                ) from problem
            yield
        finally:
            os.close(lock)

    def _open_lock(self) -> int:
        path = f"{self.path}.lock"
        try:
            try:
                return os.open(path, _LOCK, 0o644)
            except FileNotFoundError:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                return os.open(path, _LOCK, 0o644)
        except OSError as problem:
            raise UnreadableError(
                f"expected to lock the kept head by {path}, found: {problem.strerror}; check who "
                "may write there"
            ) from problem


def _write_in(folder: Folder, name: str, data: bytes, *, sync: bool) -> None:
    spare = f"{name}.new"
    try:
        descriptor = folder.file(spare, _WRITE)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        folder.rename(spare, name)
        if sync:
            folder.sync()
    except OSError:
        with suppress(OSError):
            folder.remove(spare)
        raise


def _unkept(target: Path, problem: OSError) -> DurabilityError:
    kind = DiskFull if problem.errno in NO_ROOM else DurabilityError
    return kind(
        f"expected to keep the head in {target}, found: {problem.strerror}; make room or check "
        "who may write there"
    )
