"""Capture: a folder becomes a tree in the object store.

Works on descriptors only, and never follows a link: the folder may be a sandbox's, whose content
is hostile. What is neither file, folder nor link is named and left alone, never opened. What
vanishes while it is looked at was not there. A file that is written meanwhile is recorded as it
was read, with the signature it had before, so the next capture reads it again. A capture is not
an atomic picture of a workspace that somebody edits at the same time; each file's bytes and
digest do agree.

Order of writing: contents, then the tree that names them, then the tree above. A tree in the store
therefore vouches for everything below it, unless a power cut took unsynced objects away; callers
sync the store before they record a tree or save an index.
"""

import errno
import itertools
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ledger import Digest, ObjectStore
from os2shell.executors.workspace.errors import TooDeep, TooLarge, UnreadableEntry
from os2shell.executors.workspace.ignore import Ignore
from os2shell.executors.workspace.index import (
    FOLDER_SIGNATURE,
    NO_DIGEST,
    RACY_NS,
    Folder,
    Index,
    Row,
    Signature,
    folder_of,
    pack,
    signature_of,
)
from os2shell.executors.workspace.limits import WorkspaceLimits
from os2shell.executors.workspace.tree import Entry, Kind, encode_tree

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
WHOLE_BYTES = 1 << 20
"""Files up to this size are read at once; larger ones stream through the store."""

SPECIAL = {
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}


@dataclass(frozen=True, slots=True)
class Skipped:
    """An entry that no tree can hold, and what it is."""

    path: bytes
    what: str


@dataclass(frozen=True, slots=True)
class Capture:
    """A captured workspace: ``files`` counts files and links, ``size`` is their bytes."""

    tree: Digest
    index: Index
    files: int
    size: int
    skipped: tuple[Skipped, ...]


def capture(  # noqa: PLR0913 — each is one fact about the capture, named at the call
    root_fd: int,
    objects: ObjectStore,
    *,
    ignore: Ignore,
    index: Index,
    now_ns: int,
    limits: WorkspaceLimits | None = None,
    unlock: bool = False,
) -> Capture:
    """Store the folder at ``root_fd`` and return its tree.

    ``now_ns`` is the wall clock before the call. ``index`` comes back itself when nothing
    changed, so ``capture.index is index`` means there is nothing to save. ``unlock`` adds read
    permission where the owner took it away: for a guest's folder, which nobody else uses, never
    for a user's. Raises ``CannotCapture`` with the path and the remedy.
    """
    walk = _Walk(objects, ignore, index, limits or WorkspaceLimits(), unlock=unlock)
    tree = walk.folder(root_fd, b"", 0)
    same = not walk.changed and len(walk.folders) == len(index.folders)
    return Capture(
        tree=tree,
        index=index if same else Index(now_ns - RACY_NS, walk.folders),
        files=walk.files,
        size=walk.size,
        skipped=tuple(walk.skipped),
    )


@dataclass(slots=True)
class _Walk:
    """One capture on its way: what was seen so far, and what is left of the limits."""

    objects: ObjectStore
    ignore: Ignore
    index: Index
    limits: WorkspaceLimits
    unlock: bool
    entries: int = 0
    files: int = 0
    size: int = 0
    changed: bool = False
    folders: dict[bytes, Folder] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)

    def folder(self, fd: int, path: bytes, depth: int) -> Digest:
        """Capture the folder at ``fd`` and everything below it."""
        if depth > self.limits.depth:
            raise TooDeep(path, self.limits.depth)
        prefix = path + b"/" if path else b""
        found = self._look(fd, path, prefix)
        below: dict[bytes, Digest] = {}
        for name, signature in found:
            if signature is FOLDER_SIGNATURE:
                with self._opened(fd, prefix, name, FOLDER_FLAGS) as inner:
                    if inner is not None:
                        below[name] = self.folder(inner, prefix + name, depth + 1)
        found = [each for each in found if each[1] is not FOLDER_SIGNATURE or each[0] in below]
        known = self._unchanged(path, found, below)
        if known is None:
            self.changed = True
            known = self._read(fd, path, found, below)
        self.folders[path] = known
        return known.tree

    def _look(self, fd: int, path: bytes, prefix: bytes) -> list[tuple[bytes, Signature]]:
        """Names and signatures of what is captured, in order of the names' bytes."""
        found: list[tuple[bytes, Signature]] = []
        room = self.limits.files - self.entries
        rejects = self.ignore.rejects
        try:
            with os.scandir(fd) as listing:
                for entry in itertools.islice(listing, room + 1):
                    name = os.fsencode(entry.name)
                    folder = entry.is_dir(follow_symlinks=False)
                    if rejects(prefix, name, folder=folder):
                        continue
                    if folder:
                        found.append((name, FOLDER_SIGNATURE))
                        continue
                    try:
                        signature = signature_of(entry.stat(follow_symlinks=False))
                    except FileNotFoundError:
                        continue
                    if self._holds(prefix + name, signature[4]):
                        found.append((name, signature))
        except OSError as error:
            raise UnreadableEntry(path, error.strerror or "unreadable") from None
        if len(found) > room:
            raise self._too_large("files", self.limits.files, path)
        found.sort()
        self.entries += len(found)
        self.files += sum(1 for each in found if each[1] is not FOLDER_SIGNATURE)
        return found

    def _holds(self, path: bytes, mode: int) -> bool:
        """Say whether a tree can hold the entry; note it when not."""
        form = stat.S_IFMT(mode)
        if form in {stat.S_IFREG, stat.S_IFLNK}:
            return True
        self.skipped.append(Skipped(path, SPECIAL.get(form, "special file")))
        return False

    def _unchanged(
        self, path: bytes, found: list[tuple[bytes, Signature]], below: Mapping[bytes, Digest]
    ) -> Folder | None:
        """The known folder, when every row is as it was and the store still has its tree."""
        known = self.index.folders.get(path)
        if (
            known is None
            or known.newest_ns >= self.index.clean_before_ns
            or known.names != b"\0".join([name for name, _ in found])
            or known.signatures != pack([signature for _, signature in found])
        ):
            return None
        if below:
            rows = known.rows()
            if any(rows[name].content != tree for name, tree in below.items()):
                return None
        if not self.objects.has(known.tree):
            return None
        self._count(known.size, path)
        return known

    def _read(
        self,
        fd: int,
        path: bytes,
        found: list[tuple[bytes, Signature]],
        below: Mapping[bytes, Digest],
    ) -> Folder:
        """Capture the entries of one folder, reading only what its known rows do not settle."""
        known = self.index.folders.get(path)
        old = known.rows() if known else {}
        prefix = path + b"/" if path else b""
        rows: list[Row] = []
        entries: list[Entry] = []
        for name, signature in found:
            if signature is FOLDER_SIGNATURE:
                rows.append(Row(name, signature, below[name]))
                entries.append(Entry(name, Kind.FOLDER, 0, below[name]))
                continue
            if stat.S_ISLNK(signature[4]):
                target = self._target(fd, prefix + name, name)
                if target is not None:
                    rows.append(Row(name, signature, NO_DIGEST))
                    entries.append(Entry(name, Kind.LINK, len(target), target))
                continue
            pair = self._file(fd, prefix, name, signature, old.get(name))
            if pair is not None:
                rows.append(pair[0])
                entries.append(pair[1])
        self.files -= len(found) - len(rows)
        return folder_of(rows, self.objects.put(encode_tree(entries)))

    def _target(self, fd: int, path: bytes, name: bytes) -> bytes | None:
        try:
            target = os.readlink(name, dir_fd=fd)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.EINVAL}:
                return None
            raise UnreadableEntry(path, error.strerror or "unreadable") from None
        self._count(len(target), path)
        return target

    def _file(
        self, fd: int, prefix: bytes, name: bytes, signature: Signature, old: Row | None
    ) -> tuple[Row, Entry] | None:
        path = prefix + name
        if (
            old is not None
            and old.signature == signature
            and self.index.is_clean(signature)
            and self.objects.has(Digest(old.content))
        ):
            self._count(signature[0], path)
            kind = Kind.PROGRAM if signature[4] & stat.S_IXUSR else Kind.FILE
            return old, Entry(name, kind, signature[0], old.content)
        with self._opened(fd, prefix, name, FILE_FLAGS) as file:
            if file is None:
                return None
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                self.skipped.append(Skipped(path, "replaced while it was captured"))
                return None
            try:
                size, content = self._contents(file, path, status.st_size)
            except OSError as error:
                raise UnreadableEntry(path, error.strerror or "unreadable") from None
        kind = Kind.PROGRAM if status.st_mode & stat.S_IXUSR else Kind.FILE
        return Row(name, signature_of(status), content), Entry(name, kind, size, content)

    def _contents(self, file: int, path: bytes, expected: int) -> tuple[int, Digest]:
        """Store the bytes of ``file``; return how many there were, and their digest."""
        if self.size + expected > self.limits.size:
            raise self._too_large("bytes", self.limits.size, path, expected)
        if expected < WHOLE_BYTES:
            data = os.read(file, expected + 1)
            if len(data) == expected:
                self._count(expected, path)
                return expected, self.objects.put(data)
            # It changes under our eyes, or the system tells no size: stream from the beginning.
            os.lseek(file, 0, os.SEEK_SET)
        start = self.size

        def read(limit: int) -> bytes:
            chunk = os.read(file, limit)
            self._count(len(chunk), path)
            return chunk

        content = self.objects.put_stream(read)
        return self.size - start, content

    def _count(self, size: int, path: bytes) -> None:
        self.size += size
        if self.size > self.limits.size:
            raise self._too_large("bytes", self.limits.size, path)

    @contextmanager
    def _opened(self, fd: int, prefix: bytes, name: bytes, flags: int) -> Iterator[int | None]:
        """Open ``name`` without following links; ``None`` when it is no longer what it was."""
        try:
            inner = self._open(fd, name, flags)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}:
                if error.errno != errno.ENOENT:
                    self.skipped.append(Skipped(prefix + name, "replaced while it was captured"))
                yield None
                return
            raise UnreadableEntry(prefix + name, error.strerror or "unreadable") from None
        try:
            yield inner
        finally:
            os.close(inner)

    def _open(self, fd: int, name: bytes, flags: int) -> int:
        try:
            return os.open(name, flags, dir_fd=fd)
        except PermissionError:
            if not self.unlock:
                raise
        pinned = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
        try:
            mode = os.fstat(pinned).st_mode
            # The pinned inode, not the name: a link put there meanwhile is not followed.
            mode = stat.S_IMODE(mode) | stat.S_IRUSR | _search(mode)
            Path(f"/proc/self/fd/{pinned}").chmod(mode)
        finally:
            os.close(pinned)
        return os.open(name, flags, dir_fd=fd)

    def _too_large(self, limit: str, allowed: int, path: bytes, extra: int = 0) -> TooLarge:
        """Name the part of the workspace that holds most of what was counted so far."""
        weight: dict[bytes, int] = {path: extra}
        for inner, folder in self.folders.items():
            top = inner.split(b"/", 1)[0] or path
            amount = folder.size if limit == "bytes" else folder.names.count(b"\0") + 1
            weight[top] = weight.get(top, 0) + amount
        return TooLarge(limit, allowed, path, max(weight, key=lambda each: weight[each]))


def _search(mode: int) -> int:
    return stat.S_IXUSR if stat.S_ISDIR(mode) else 0
