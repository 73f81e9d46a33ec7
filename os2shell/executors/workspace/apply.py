"""Apply: bring a program's changes back to the user's workspace, and lose nothing of the user's.

Three steps, each whole before the next: write every new file into a staging folder; remove what the
program removed, deepest first; put the staged files in place, each by one rename. A full disk or a
read-only workspace is so found in the first step, with nothing touched.

A path that is not as it was at its capture was changed by somebody else while the program ran.
Then theirs stays, the program's version comes to lie beside it as ``NAME.os2-TAG``, and both are
reported. "As it was" means an equal signature, or else equal content. Between that look and the
rename lie microseconds in which an edit could be overwritten; Linux has no compare-and-rename.
For new files there is no such gap: they are linked, which fails where something exists.

Folders are walked without following links. A killed shell leaves a prefix of the changes and a
staging folder, which the next apply removes; every version is still in the object store.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ledger import Digest, ObjectStore, digest
from os2shell.executors.workspace.capture import FILE_FLAGS
from os2shell.executors.workspace.chain import Chain
from os2shell.executors.workspace.difference import Change
from os2shell.executors.workspace.errors import CannotApply
from os2shell.executors.workspace.index import Index, Row, signature_of
from os2shell.executors.workspace.staging import Staging, exists
from os2shell.executors.workspace.tree import Entry, Kind

MAX_BESIDE = 1000
WHOLE_BYTES = 16 << 20
CHANGED = "it was changed while the program ran"


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody else's change, which was kept; ``beside`` is where the program's version lies."""

    path: bytes
    beside: bytes | None
    reason: str


@dataclass(frozen=True, slots=True)
class Applied:
    """What was brought back, in the order it was done."""

    written: tuple[bytes, ...]
    removed: tuple[bytes, ...]
    conflicts: tuple[Conflict, ...]


def apply(
    root_fd: int,
    changes: Sequence[Change],
    objects: ObjectStore,
    index: Index,
    *,
    tag: str,
) -> Applied:
    """Bring ``changes`` into the workspace at ``root_fd``.

    ``index`` is the one of the workspace's capture before the run; ``tag`` (letters, digits,
    dashes) names the run in the names of conflicting versions. Raises ``CannotApply`` with the
    path and what was already written, and the store's errors for lost objects.
    """
    assert tag.replace("-", "").isalnum()
    work = _Work(root_fd, objects, index, tag)
    files = [each for each in changes if each.after and each.after.kind is not Kind.FOLDER]
    if files:
        with work.failing(b""):
            staging = Staging(root_fd, tag)
        with staging:
            staged = [work.stage(staging, change) for change in files]
            work.remove(changes)
            work.make_folders(changes)
            work.place(staging, zip(files, staged, strict=True))
    else:
        work.remove(changes)
        work.make_folders(changes)
    return Applied(tuple(work.written), tuple(work.removed), tuple(work.conflicts))


@dataclass(slots=True)
class _Work:
    """One apply on its way."""

    root_fd: int
    objects: ObjectStore
    index: Index
    tag: str
    written: list[bytes] = field(default_factory=list)
    removed: list[bytes] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    rows: tuple[bytes, dict[bytes, Row]] | None = None

    @contextmanager
    def failing(self, path: bytes) -> Iterator[None]:
        """Name ``path`` in whatever the system refuses."""
        try:
            yield
        except OSError as error:
            done = (*self.removed, *self.written)
            raise CannotApply(path, error.strerror or "failed", done) from None

    @property
    def aside(self) -> bytes:
        """The suffix of versions that had to give way."""
        return f".os2-{self.tag}".encode()

    def stage(self, staging: Staging, change: Change) -> bytes:
        """Write the new version of one path; nothing of the user's is touched yet."""
        assert change.after is not None
        with self.failing(change.path):
            return staging.write(change.after, self.objects)

    def remove(self, changes: Sequence[Change]) -> None:
        """Remove what went or must make room for another kind, deepest first."""
        with Chain(self.root_fd) as chain:
            for change in reversed(changes):
                before, after = change.before, change.after
                if before is None:
                    continue
                makes_room = after is not None and Kind.FOLDER in {before.kind, after.kind}
                if after is None or (makes_room and before.kind is not after.kind):
                    with self.failing(change.path):
                        self._remove_one(chain, change.path, before, quiet=makes_room)

    def _remove_one(self, chain: Chain, path: bytes, before: Entry, *, quiet: bool) -> None:
        """Remove one path if it still is what the program saw; ``quiet`` when a version follows."""
        parent, _, name = path.rpartition(b"/")
        folder = chain.find(parent)
        if folder is None or not exists(folder, name):
            return
        if before.kind is Kind.FOLDER:
            reason = _remove_folder(folder, name)
        elif self._is(folder, path, before):
            os.unlink(name, dir_fd=folder)
            reason = None
        else:
            reason = CHANGED
        if reason is None:
            self.removed.append(path)
        elif not quiet:
            self.conflicts.append(Conflict(path, None, f"not removed: {reason}"))

    def make_folders(self, changes: Sequence[Change]) -> None:
        """Make the folders that came, empty ones too."""
        with Chain(self.root_fd) as chain:
            for change in changes:
                if change.after is None or change.after.kind is not Kind.FOLDER:
                    continue
                with self.failing(change.path):
                    _, actual = chain.make(change.path, self.aside)
                if actual == change.path:
                    self.written.append(change.path)
                else:
                    self.conflicts.append(Conflict(change.path, actual, "no folder any more"))

    def place(self, staging: Staging, staged: Iterator[tuple[Change, bytes]]) -> None:
        """Put the staged versions in place, or beside what somebody else changed."""
        with Chain(self.root_fd) as chain:
            for change, name in staged:
                with self.failing(change.path):
                    self._place_one(chain, staging, change, name)

    def _place_one(self, chain: Chain, staging: Staging, change: Change, name: bytes) -> None:
        parent, _, target = change.path.rpartition(b"/")
        folder, actual = chain.make(parent, self.aside)
        after, before = change.after, change.before
        assert after is not None
        if actual == parent and self._put(staging, folder, change, name):
            self.written.append(change.path)
            return
        if actual == parent and self._is(folder, change.path, after, known=False):
            return  # somebody made the very same change
        free = target if actual != parent else None
        beside = self._put_beside(staging, folder, target, name, first=free)
        reason = "it exists by now" if before is None else CHANGED
        path = actual + b"/" + beside if actual else beside
        self.conflicts.append(Conflict(change.path, path, reason))

    def _put(self, staging: Staging, folder: int, change: Change, name: bytes) -> bool:
        """Put one version in place; say whether that was possible without loss."""
        target = change.path.rpartition(b"/")[2]
        before = change.before
        if before is None or before.kind is Kind.FOLDER:
            return staging.add(name, folder, target)
        if not self._is(folder, change.path, before):
            return False
        staging.resemble(name, os.stat(target, dir_fd=folder, follow_symlinks=False))
        staging.replace(name, folder, target)
        return True

    def _put_beside(
        self, staging: Staging, folder: int, target: bytes, name: bytes, *, first: bytes | None
    ) -> bytes:
        suffixes = [self.aside, *(self.aside + b"-%d" % each for each in range(2, MAX_BESIDE))]
        names = [target[: 255 - len(suffix)] + suffix for suffix in suffixes]
        for candidate in [first, *names] if first else names:
            if staging.add(name, folder, candidate):
                return candidate
        raise OSError(errno.EEXIST, f"more than {MAX_BESIDE} versions lie beside it")

    def _is(self, folder: int, path: bytes, entry: Entry, *, known: bool = True) -> bool:
        """Say whether ``path`` is ``entry`` now: by signature if ``known``, else by content."""
        name = path.rpartition(b"/")[2]
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        if stat.S_ISLNK(status.st_mode):
            is_link = entry.kind is Kind.LINK
            return is_link and os.readlink(name, dir_fd=folder) == entry.content
        if not stat.S_ISREG(status.st_mode) or entry.kind not in {Kind.FILE, Kind.PROGRAM}:
            return False
        if bool(status.st_mode & stat.S_IXUSR) is not (entry.kind is Kind.PROGRAM):
            return False
        row = self._row(path) if known else None
        signature = signature_of(status)
        if row is not None and row.signature == signature and self.index.is_clean(signature):
            return row.content == entry.content
        return status.st_size == entry.size and _digest(folder, name, self.objects) == entry.content

    def _row(self, path: bytes) -> Row | None:
        """The captured row of ``path``; the folder last asked for stays unpacked."""
        parent, _, name = path.rpartition(b"/")
        if self.rows is None or self.rows[0] != parent:
            folder = self.index.folders.get(parent)
            self.rows = (parent, folder.rows() if folder else {})
        return self.rows[1].get(name)


def _remove_folder(parent: int, name: bytes) -> str | None:
    """Remove an empty folder; return why it was kept, or ``None``."""
    try:
        os.rmdir(name, dir_fd=parent)
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:
            return "it holds files the program did not see"
        if error.errno == errno.ENOTDIR:
            return CHANGED
        raise
    return None


def _digest(folder: int, name: bytes, objects: ObjectStore) -> Digest | None:
    """The digest of a file's content now; ``None`` when it cannot be read as a file."""
    try:
        file = os.open(name, FILE_FLAGS, dir_fd=folder)
    except OSError:
        return None
    with os.fdopen(file, "rb") as reader:
        if os.fstat(file).st_size <= WHOLE_BYTES:
            return digest(reader.read())
        return objects.put_stream(reader.read)
