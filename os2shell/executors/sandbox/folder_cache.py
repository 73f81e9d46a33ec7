"""A cache of content-addressed folders: interpreter images, environments, tools.

Life of a folder: absent → building (in a temporary folder beside it, under the cache's lock) →
present (one rename) → removed when a file of it was changed, and built again. A build that dies
leaves a temporary folder, which the next builder removes: only the holder of the lock builds, so
any temporary folder it finds is stale. Nothing is ever changed inside a present folder.

A present folder is trusted after a stat walk against the list made at build time (size, mtime,
ctime, inode of every file and folder); contents are not read again. That finds accidents and
ordinary tampering, not an owner of the disk who also rewrites the list.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from os2shell.executors.sandbox.errors import ImageDamaged, ImageUnavailable

Tell = Callable[[str], None]
Fill = Callable[[Path], Mapping[str, str]]
"""Fills an empty folder, and says what should be remembered of it."""

LIST = "manifest.json"
ROOT = "root"
_STATS = "stats"
_TEMPORARY = "building-"


@dataclass(frozen=True, slots=True)
class CachedFolder:
    """A present one. ``digest`` is hex BLAKE3 over its files; ``about`` is what ``Fill`` said."""

    digest: str
    root: Path
    about: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FolderCache:
    """The folders below ``path``, which is made if absent; ``what`` names one to people.

    It must be reachable for the uid that sandboxes run as.
    """

    path: Path
    what: str

    def present(self, key: str) -> CachedFolder | None:
        """The folder called ``key`` where it is there and was not changed."""
        try:
            return self._opened(self.path / key)
        except (FileNotFoundError, ImageDamaged):
            return None

    def load(self, key: str, fill: Fill, announce: Callable[[str], None]) -> CachedFolder:
        """The folder called ``key``; ``fill`` makes it first where it is absent or damaged.

        ``announce`` is told why, before that. Raises ``ImageUnavailable``, and what ``fill`` does.
        """
        home = self.path / key
        try:
            return self._opened(home)
        except FileNotFoundError:
            reason = "once"
        except ImageDamaged as error:
            reason = f"again, because {error.found}"
        with self._locked():
            try:
                return self._opened(home)  # somebody else built it while we waited
            except (FileNotFoundError, ImageDamaged):
                announce(reason)
                self._build(home, fill)
            return self._opened(home)

    def _opened(self, home: Path) -> CachedFolder:
        """What lies at ``home``; FileNotFoundError when absent, ``ImageDamaged`` when changed."""
        about = json.loads((home / LIST).read_bytes())
        root = home / ROOT
        names = about["names"].split("\0")
        expected = (home / _STATS).read_bytes()
        try:
            found = _stats(root, names)
        except OSError as error:
            raise ImageDamaged(f"{error.filename} of the cached {self.what} is gone") from None
        if found != expected:
            pairs = zip(names, found.split(b"\n"), expected.split(b"\n"), strict=False)
            changed = next((name for name, now, then in pairs if now != then), "its list")
            raise ImageDamaged(f"{changed} of the cached {self.what} was changed")
        return CachedFolder(about["digest"], root, about)

    def _build(self, home: Path, fill: Fill) -> None:
        """Build beside ``home``, then put it there with one rename; the lock is held."""
        for stale in self.path.glob(_TEMPORARY + "*"):
            shutil.rmtree(stale)
        temporary = self.path / f"{_TEMPORARY}{home.name}"
        root = temporary / ROOT
        try:
            root.mkdir(parents=True)
            said = fill(root)
            names = list(_walk(root))
            about = {**said, "digest": _digest(root, names), "names": "\0".join(names)}
            (temporary / LIST).write_text(json.dumps(about))
            (temporary / _STATS).write_bytes(_stats(root, names))
            if home.exists():
                # A crash between the two renames leaves no folder and one stale one: built again.
                home.rename(self.path / f"{_TEMPORARY}damaged")
            temporary.rename(home)
        except OSError as error:
            raise ImageUnavailable(
                f"cannot write the {self.what} below {self.path} "
                f"({error.strerror}: {error.filename})",
                expected="a writable cache folder with 200 MB free",
            ) from error
        finally:
            for leftover in self.path.glob(_TEMPORARY + "*"):
                shutil.rmtree(leftover, ignore_errors=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the cache: one builder at a time; the kernel lets go when the holder dies."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise ImageUnavailable(
                f"cannot use the {self.what} cache {self.path} ({error.strerror})",
                expected="a writable folder",
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _walk(root: Path) -> Iterator[str]:
    """Every file and folder below ``root``, relative, sorted; the root itself is ``.``."""
    found = ["."]
    for folder, folders, files in os.walk(root):
        inside = os.path.relpath(folder, root)
        found += [os.path.normpath(os.path.join(inside, name)) for name in [*folders, *files]]  # noqa: PTH118 - thousands of paths, where pathlib costs a second
    return iter(sorted(found))


def _stats(root: Path, names: list[str]) -> bytes:
    """Size, mtime, ctime and inode of each name, as lines; read through one folder descriptor."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        statuses = [os.lstat(name, dir_fd=folder) for name in names]
    finally:
        os.close(folder)
    return b"\n".join(
        b"%d %d %d %d" % (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        for status in statuses
    )


def _digest(root: Path, names: list[str]) -> str:
    """Hex BLAKE3 over the sorted (path, mode, content digest) of every file and folder."""
    total = blake3()
    for name in names:
        path = root / name
        mode = path.lstat().st_mode
        content = blake3(path.read_bytes()).digest() if path.is_file() else b""
        total.update(f"{name}\0{mode:o}\0".encode() + content)
    return total.hexdigest()
