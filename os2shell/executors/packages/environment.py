"""Environments in the cache: a tree of the ledger as a folder that sandboxes can mount.

The tree is the truth, the folder a copy that may be deleted at any time. Its form: ``lock.json``,
``wheels/`` (what was fetched) and ``lib/`` (what was installed from them, with its bytecode).
"""

import os
from collections.abc import Mapping
from pathlib import Path

from ledger import Digest, ObjectStore
from os2shell.executors.sandbox import CachedFolder, FolderCache
from os2shell.executors.workspace import populate

ENVIRONMENTS = "environments"
LIBRARY = "lib"


def environment_folder(cache: Path, tree: Digest, objects: ObjectStore) -> CachedFolder:
    """The folder of ``tree``, written first where it is absent.

    Raises ``ImageUnavailable``, and what ``populate`` raises where an object is gone or another.
    """

    def fill(root: Path) -> Mapping[str, str]:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            populate(folder, tree, objects)
        finally:
            os.close(folder)
        return {"tree": tree.hex()}

    return _kept(cache).load(tree.hex(), fill, lambda _why: None)


def present_environment(cache: Path, tree: Digest) -> CachedFolder | None:
    """The folder of ``tree`` where it lies there whole."""
    return _kept(cache).present(tree.hex())


def _kept(cache: Path) -> FolderCache:
    return FolderCache(cache / ENVIRONMENTS, "environment")
