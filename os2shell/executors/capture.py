"""``workspace.capture``: the workspace as a content-addressed tree.

What is captured is what a program sees; what is ignored is invisible inside. The stat cache beside
the ledger makes an unchanged workspace cheap and may be deleted at any time.
"""

import os
import posixpath
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from ledger import Digest, Json, ObjectStore
from os2shell.executors.clock import now_ns
from os2shell.executors.workspace import (
    BESIDE_GIT,
    Capture,
    Entry,
    Ignore,
    Index,
    Kind,
    capture,
    load_index,
    read_ignore,
    read_tree,
    save_index,
    shown,
)
from os2shell.model.capability import Capability
from os2shell.model.effect import Determinism, Transcript
from os2shell.model.errors import CannotStart
from os2shell.model.plain import ADDED, to_json

INDEX_FILE = "workspace.index"
REPOSITORY_INDEX_FILE = "repository.index"


@dataclass(frozen=True, slots=True)
class CaptureWorkspace:
    """Ask for the workspace's tree, and whether ``wanted`` is a file in it.

    The answer: ``{"tree", "files", "bytes", "skipped", "wanted"}``; ``wanted`` is file, folder,
    missing, ignored, outside or other, or None where nothing was asked for. ``repository`` takes
    the ``.git`` in, which no other program sees.
    """

    kind: ClassVar[str] = "workspace.capture"
    needs: ClassVar[Capability] = Capability.FS_READ
    determinism: ClassVar[Determinism] = Determinism.RECORDED
    wanted: str | None = None
    repository: bool = field(default=False, metadata=ADDED)

    def body(self) -> Json:
        """The file that was asked for."""
        return to_json(self)

    def scope(self) -> str:
        """The whole workspace."""
        return "."


class WorkspaceFolder:
    """The real workspace: its descriptor and what is known of its files since the last capture."""

    def __init__(self, path: Path, cache: Path, *, repository: bool = False) -> None:
        """Open lazily; ``cache`` keeps the stat cache, another one with a ``repository``."""
        self.path = path
        self.index = Index()
        self.repository = repository
        self._index_path = cache / (REPOSITORY_INDEX_FILE if repository else INDEX_FILE)
        self._descriptor = -1

    @property
    def descriptor(self) -> int:
        """The folder itself, held open so that it stays the same one if it is renamed."""
        if self._descriptor < 0:
            try:
                self._descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError as error:
                raise CannotStart(
                    f"the workspace {self.path} cannot be opened: {error.strerror}"
                ) from None
            self.index = load_index(self._index_path)
        return self._descriptor

    def ignore(self) -> Ignore:
        """What is left out of a capture."""
        if not self.repository:
            return read_ignore(self.descriptor)
        from os2shell.executors.git.secrets import (  # noqa: PLC0415 — only git needs it
            RepositoryIgnore,
        )

        base = read_ignore(self.descriptor, defaults=BESIDE_GIT)
        return RepositoryIgnore(base, self.descriptor)

    def remember(self, index: Index) -> None:
        """Keep what a capture learned; the file is a cache and may be lost."""
        self.index = index
        self._index_path.parent.mkdir(parents=True, exist_ok=True)
        save_index(self._index_path, index)


class Capturer:
    """Captures the real workspace into the object store."""

    def __init__(
        self,
        folder: WorkspaceFolder,
        objects: ObjectStore,
        repository: WorkspaceFolder | None = None,
    ) -> None:
        """Store trees and files in ``objects``; ``repository`` is the folder with its ``.git``."""
        self._folder = folder
        self._objects = objects
        self._repository = repository

    def perform(self, effect: CaptureWorkspace, transcript: Transcript) -> Json:
        """Capture, and look for the wanted file in what was captured."""
        if effect.repository and self._repository is not None:
            repository, plain = self._repository, replace(effect, repository=False)
            return Capturer(repository, self._objects).perform(plain, transcript)
        found = self.capture()
        if found.index is not self._folder.index:
            self._objects.flush()  # the index vouches for objects, so they must outlast it
            self._folder.remember(found.index)
        return {
            "tree": found.tree,
            "files": found.files,
            "bytes": found.size,
            "skipped": [f"{shown(item.path)} ({item.what})" for item in found.skipped],
            "wanted": None if effect.wanted is None else self._look_for(effect.wanted, found.tree),
        }

    def capture(self) -> Capture:
        """The workspace as it is now; remembering it is left to who keeps the objects."""
        folder = self._folder
        ignore = folder.ignore()
        found = self._captured(ignore, folder.index)
        if folder.repository:
            from os2shell.executors.git.tracked import (  # noqa: PLC0415 — only git needs it
                KeptIgnore,
                kept_by_git,
            )

            kept = kept_by_git(folder.descriptor, found, ignore, self._objects)
            if kept:
                return self._captured(KeptIgnore(ignore, kept), found.index)
        return found

    def _captured(self, ignore: Ignore, index: Index) -> Capture:
        descriptor = self._folder.descriptor
        return capture(descriptor, self._objects, ignore=ignore, index=index, now_ns=now_ns())

    def _look_for(self, wanted: str, tree: Digest) -> str:
        path = posixpath.normpath(wanted)
        if path.startswith(("/", "../")) or path == "..":
            return "outside"
        entry = find_entry(path, tree, self._objects)
        if entry is None:
            return "ignored" if (self._folder.path / path).exists() else "missing"
        match entry.kind:
            case Kind.FILE | Kind.PROGRAM | Kind.LINK:
                return "file"
            case Kind.FOLDER:
                return "folder"


def find_entry(path: str, tree: Digest, objects: ObjectStore) -> Entry | None:
    """The entry at ``path`` below ``tree``; None if nothing was captured there."""
    found: Entry | None = None
    for name in os.fsencode(path).split(b"/"):
        if name == b".":
            return Entry(b".", Kind.FOLDER, 0, tree)
        entries = {entry.name: entry for entry in read_tree(objects, tree)}
        found = entries.get(name)
        if found is None:
            return None
        if found.kind is Kind.FOLDER:
            tree = found.digest
    return found
