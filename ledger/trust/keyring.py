"""Where the secret keys of a log rest, and how one takes the place of another.

A ``Keyring`` gives the signer for a wanted public key. A plain ``Signer`` is the smallest: it has
one key for ever. A ``KeyFile`` can rotate. Its life, with what a crash leaves after each step:

1. ``<name>.next`` is written and synced. Left behind: a key nobody named; the next rotation
   uses it. It is not removed, because the log that named it may be another copy.
2. The rotation is recorded, signed by the old key. Left behind: the log wants the key of
   ``.next``, and ``signer`` finds it there.
3. The old file gets a second name, ``<name>.old``; then ``.next`` is renamed over the first.
4. ``.old`` is overwritten, synced, and unlinked.

``settle``, called under the log's lock whenever a log is opened for appending, goes on from
wherever a crash left 2 to 4. At every moment the key that the log wants has a name. The caller
makes the rotation durable before: a power loss must not take the record and leave the key gone.

What destroying means: the bytes of the old file are overwritten in place, and that is on the disk
before the name goes. A disk that copies on write (btrfs, ZFS, snapshots, most flash below the
file system) may keep the old blocks; backups keep what they have; a process that holds the old
signer keeps it in memory until it ends, and Python cannot wipe it. Where that matters, keep the
key folder on memory or on encrypted storage.
"""

import os
import stat
from pathlib import Path
from typing import Final, Protocol

from ledger.disk import NO_ROOM, sync_directory
from ledger.errors import (
    DiskFull,
    DurabilityError,
    KeyExposed,
    KeyMisplaced,
    KeyProblem,
    WrongKey,
)
from ledger.trust.ed25519 import SEED_BYTES
from ledger.trust.keys import PublicKey, Signer, load_key, load_or_create_key, write_key

_NEXT: Final = ".next"
_OLD: Final = ".old"
_OPEN: Final = os.O_CLOEXEC | os.O_NOFOLLOW


class Keyring(Protocol):
    """Secret keys of one log."""

    @property
    def public(self) -> PublicKey:
        """The newest key that is in use."""
        ...

    def signer(self, wanted: PublicKey) -> Signer:
        """The secret half of ``wanted``; ``WrongKey`` when it is not here."""
        ...

    def prepare(self) -> Signer:
        """The key for the next epoch, durably kept before it is returned."""
        ...

    def unsettled(self) -> bool:
        """Whether something may be left to settle; the log then makes itself durable first."""
        ...

    def settle(self, current: PublicKey) -> bool:
        """Make ``current`` the key and destroy those before it; whether anything was left to do."""
        ...


class KeyFile:
    """The secret key in one file, which rotation replaces."""

    def __init__(self, path: Path) -> None:
        """Use the key at ``path``; nothing is read before it is needed."""
        self.path = path
        self._signer: Signer | None = None

    @classmethod
    def create(cls, path: Path, origin: str) -> "KeyFile":
        """The key file at ``path``, made when there is none."""
        load_or_create_key(path, origin)
        return cls(path)

    def __repr__(self) -> str:  # type: ignore[explicit-override]  # typing has it from 3.12
        """Never the secret."""
        return f"KeyFile({str(self.path)!r})"

    @property
    def public(self) -> PublicKey:
        """The public half of the key in the file."""
        if self._signer is None:
            self._signer = load_key(self.path)
        return self._signer.public

    def signer(self, wanted: PublicKey) -> Signer:
        """The secret half of ``wanted``, read again when another process has rotated."""
        held = self._signer
        if held is not None and held.public == wanted:
            return held
        self._signer = None
        found: list[str] = []
        for path in (self.path, self._beside(_NEXT), self.path):  # renamed between two looks
            if path != self.path and not os.path.lexists(path):
                continue
            signer = load_key(path)
            if signer.public == wanted:
                self._signer = signer
                return signer
            found.append(str(signer.public))
        raise WrongKey(
            f"expected the key {wanted} in {self.path}, found {found[0]}; use the key that signs "
            "this ledger now, or a newer copy of the ledger"
        )

    def prepare(self) -> Signer:
        """The key beside the present one, under ``<name>.next``; made when there is none."""
        path = self._beside(_NEXT)
        self._require_private_folder()
        if os.path.lexists(path):
            return load_key(path)
        fresh = Signer(self.public.name, os.urandom(SEED_BYTES))
        try:
            write_key(path, fresh)
        except OSError as problem:
            raise _failed("keep a new key", path, problem) from problem
        return load_key(path)

    def unsettled(self) -> bool:
        """Whether a coming key or an old one lies beside the present one."""
        return any(os.path.lexists(self._beside(suffix)) for suffix in (_NEXT, _OLD))

    def settle(self, current: PublicKey) -> bool:
        """Finish what a rotation to ``current`` has begun; under the log's lock only."""
        coming, old = self._beside(_NEXT), self._beside(_OLD)
        busy = False
        try:
            if os.path.lexists(coming) and load_key(coming).public == current:
                busy = True
                self._replace(coming, old)
            if os.path.lexists(old) and not old.samefile(self.path):
                busy = True
                destroy(old)
        except OSError as problem:
            raise _failed("finish a rotation of", self.path, problem) from problem
        return busy

    def _replace(self, coming: Path, old: Path) -> None:
        if os.path.lexists(old) and not old.samefile(self.path):
            destroy(old)
        if not os.path.lexists(old):
            old.hardlink_to(self.path)
            sync_directory(old.parent)
        coming.rename(self.path)
        sync_directory(self.path.parent)
        self._signer = None

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)

    def _require_private_folder(self) -> None:
        mode = self.path.parent.stat().st_mode
        if mode & 0o022:
            raise KeyExposed(
                f"expected a folder that only its owner may write, found {self.path.parent} with "
                f"mode {stat.S_IMODE(mode):04o}; chmod 700 it"
            )


def destroy(path: Path) -> None:
    """Overwrite the file at ``path``, sync it, unlink it, sync its folder; OSError when refused.

    Other names of the same file, such as one that a crash left, keep nothing but zeros.
    """
    descriptor = os.open(path, os.O_WRONLY | _OPEN)
    try:
        size = os.fstat(descriptor).st_size
        for filling in (os.urandom(size), bytes(size)):
            os.pwrite(descriptor, filling, 0)
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    path.unlink()
    sync_directory(path.parent)


def refuse_inside(path: Path, directory: Path) -> None:
    """Refuse a place for a secret key that lies inside ``directory``, links followed."""
    place, folder = path.resolve(), directory.resolve()
    if place == folder or folder in place.parents:
        raise KeyMisplaced(
            f"expected a secret key outside {folder}, found {place}; whoever copies the folder "
            "would copy the power to sign: keep it elsewhere"
        )


def _failed(what: str, path: Path, problem: OSError) -> KeyProblem | DurabilityError:
    kind = DiskFull if problem.errno in NO_ROOM else DurabilityError
    return kind(
        f"expected to {what} {path}, found: {problem.strerror}; check the folder, then open the "
        "ledger again: it goes on from there"
    )
