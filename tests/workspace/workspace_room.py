"""A workspace of real files with its object store and index, for the tests beside it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger import Digest, MemoryObjects
from os2shell.executors.workspace import (
    Applied,
    Capture,
    Ignore,
    Index,
    WorkspaceLimits,
    apply,
    capture,
    difference,
    populate,
)

SETTLED_NS = 10_000_000_000


@contextmanager
def opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)


class Room:
    """One workspace folder, one guest folder, one store."""

    def __init__(self, base: Path) -> None:
        self.workspace = base / "workspace"
        self.guest = base / "guest"
        self.workspace.mkdir()
        self.guest.mkdir()
        self.objects = MemoryObjects()

    def write(self, paths: dict[str, bytes | str] | None = None, **named: bytes | str) -> None:
        """Write files by path; in keywords ``__`` stands for a slash."""
        spelled = {name.replace("__", "/"): data for name, data in named.items()}
        for name, data in {**(paths or {}), **spelled}.items():
            path = self.workspace / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.encode() if isinstance(data, str) else data)

    def capture(
        self,
        path: Path | None = None,
        *,
        index: Index | None = None,
        later_ns: int = SETTLED_NS,
        ignore: Ignore | None = None,
        limits: WorkspaceLimits | None = None,
        unlock: bool = False,
    ) -> Capture:
        """Capture as if ``later_ns`` had passed since the files were written."""
        with opened(path or self.workspace) as fd:
            return capture(
                fd,
                self.objects,
                ignore=ignore or Ignore(),
                index=index or Index(),
                now_ns=time.time_ns() + later_ns,
                limits=limits,
                unlock=unlock,
            )

    def populate(self, tree: Digest, **options: object) -> Index:
        with opened(self.guest) as fd:
            return populate(fd, tree, self.objects, **options)  # type: ignore[arg-type]

    def bring_back(self, before: Capture, after: Digest) -> Applied:
        with opened(self.workspace) as fd:
            changes = difference(before.tree, after, self.objects)
            return apply(fd, changes, self.objects, before.index, tag="t1")


def files(path: Path) -> dict[str, bytes]:
    """Every plain file below ``path`` with its bytes."""
    return {
        str(each.relative_to(path)): each.read_bytes()
        for each in sorted(path.rglob("*"))
        if each.is_file() and not each.is_symlink()
    }
