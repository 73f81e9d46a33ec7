"""Files that git tracks though the workspace's rules leave them out (``.env.example``).

Git inside would take them for deleted, and ``commit --all`` would make it so. Where such a file is
as git's index has it, its bytes lie in ``.git`` anyway, so it may be seen: nothing is recorded that
is not already. Where it was changed, it may hold what the rules are there to keep out; git is then
refused, by its name. Of git's index only names, modes and digests are read (gitformat-index(5)).
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from ledger import Digest, ObjectStore
from os2shell.executors.git.state import GIT_FOLDER
from os2shell.executors.workspace import Capture, Entry, Ignore, Kind, read_tree, shown
from os2shell.executors.workspace.errors import CannotCapture

_HEADER, _FIXED = 12, 40
_FLAGS, _MORE_FLAGS = 2, 2
_ASSUMED, _EXTENDED, _SKIPPED = 0x8000, 0x4000, 0x4000
_NAME_MASK = 0xFFF
_PADDED_BELOW = 4
_VERSIONS = frozenset({2, 3, 4})
_READ_MOST = 64 << 20


@dataclass(frozen=True, slots=True)
class Tracked:
    """One entry of an index: its path, mode, and the digest of its content."""

    path: bytes
    mode: int
    digest: bytes


class KeptIgnore(Ignore):
    """The rules of ``base``, but for ``kept`` paths; beside these their folders stay hidden."""

    def __init__(self, base: Ignore, kept: frozenset[bytes]) -> None:
        """Keep ``kept`` and the folders on the way to them."""
        self._base = base
        self._kept = kept
        above = {folder for path in kept for folder in _folders_above(path)}
        self._above = frozenset(above)
        self._hidden = frozenset(path for path in above if base.hides(path, folder=True))

    def rejects(self, prefix: bytes, name: bytes, *, folder: bool) -> bool:  # type: ignore[explicit-override]  # typing.override needs 3.12
        """As the base says, but for what is kept."""
        path = prefix + name
        if path in self._kept or (folder and path in self._above):
            return False
        return prefix[:-1] in self._hidden or self._base.rejects(prefix, name, folder=folder)


def _folders_above(path: bytes) -> Iterator[bytes]:
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        yield path


def kept_by_git(
    root_fd: int, found: Capture, ignore: Ignore, objects: ObjectStore
) -> frozenset[bytes]:
    """The hidden paths that may be seen; raises ``CannotCapture`` where one was changed."""
    kept: set[bytes] = set()
    changed: list[bytes] = []
    for place in found.index.folders:
        if place.rpartition(b"/")[2] != GIT_FOLDER:
            continue
        prefix = place[: -len(GIT_FOLDER)]
        for entry in read_index(_index_of(found, place, objects)):
            path = prefix + entry.path
            if not ignore.hides(path):
                continue
            same = _as_tracked(root_fd, path, entry)
            if same:
                kept.add(path)
            elif same is not None:
                changed.append(path)
    if changed:
        names = ", ".join(shown(path) for path in changed[:3])
        raise CannotCapture(
            f"git tracks {names}, which .os2ignore or its defaults leave out, and it was changed",
            expected="what git tracks to be seen by it",
            remedy=f"add !/{shown(changed[0])} to .os2ignore, or undo the change",
        )
    return frozenset(kept)


def read_index(data: bytes) -> Iterator[Tracked]:
    """What an index of version 2 to 4 tracks as files and links; nothing of any other."""
    if data[:4] != b"DIRC" or int.from_bytes(data[4:8], "big") not in _VERSIONS:
        return
    version, count = int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:_HEADER], "big")
    width = 20 if hashlib.sha1(data[:-20], usedforsecurity=False).digest() == data[-20:] else 32
    at, before = _HEADER, b""
    for _ in range(count):
        start = at
        mode = int.from_bytes(data[at + 24 : at + 28], "big")
        digest = data[at + _FIXED : at + _FIXED + width]
        at += _FIXED + width
        flags = int.from_bytes(data[at : at + _FLAGS], "big")
        at += _FLAGS
        more = 0
        if flags & _EXTENDED:
            more = int.from_bytes(data[at : at + _MORE_FLAGS], "big")
            at += _MORE_FLAGS
        if version == _PADDED_BELOW:
            cut, at = _offset(data, at)
            end = data.find(b"\0", at)
            path = before[: len(before) - cut] + data[at:end]
            at = end + 1
        else:
            end = data.find(b"\0", at)
            path = data[at:end]
            at = start + (end - start + 8) // 8 * 8
        if end < 0:
            return
        before = path
        wanted = stat.S_ISREG(mode) or stat.S_ISLNK(mode)
        if wanted and not flags & _ASSUMED and not more & _SKIPPED:
            yield Tracked(path, mode, digest)


def _offset(data: bytes, at: int) -> tuple[int, int]:
    """A number in the encoding of pack offsets (gitformat-pack(5)), and where it ends."""
    byte = data[at]
    value = byte & 0x7F
    at += 1
    while byte & 0x80:
        byte = data[at]
        value = ((value + 1) << 7) | (byte & 0x7F)
        at += 1
    return value, at


def _index_of(found: Capture, place: bytes, objects: ObjectStore) -> bytes:
    folder = Digest(found.index.folders[place].tree)
    entry: Entry | None = next(
        (each for each in read_tree(objects, folder) if each.name == b"index"), None
    )
    if entry is None or entry.kind is not Kind.FILE:
        return b""
    return objects.get(entry.digest)


def _as_tracked(root_fd: int, path: bytes, entry: Tracked) -> bool | None:
    """Whether the file is as the index has it; None where there is none."""
    try:
        status = os.stat(path, dir_fd=root_fd, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            content = os.fsencode(os.readlink(path, dir_fd=root_fd))
        elif stat.S_ISREG(status.st_mode) and status.st_size <= _READ_MOST:
            number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root_fd)
            with os.fdopen(number, "rb") as file:
                content = file.read(_READ_MOST)
        else:
            return False
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return False
    name = "sha1" if len(entry.digest) == 20 else "sha256"  # noqa: PLR2004 — bytes of SHA-1
    whole = b"blob %d\0" % len(content) + content
    same = hashlib.new(name, whole, usedforsecurity=False).digest() == entry.digest
    return same and stat.S_IFMT(status.st_mode) == stat.S_IFMT(entry.mode)
