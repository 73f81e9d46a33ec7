"""A disk without power: what of a folder is left when only that survives which was synced.

While a history runs, ``PowerCut`` notes what each sync made durable: ``fsync`` and ``fdatasync``
the content of a file, a write with ``RWF_DSYNC`` its own bytes, ``fsync`` of a folder the names in
it. After the cut it lays the folder out anew, in one of two ways that a file system may leave it:
with nothing that was not synced, or with all names there and zeros where no data was synced. (A
killed process, after which everything is there, is ``Kind.KILLED_AFTER``.)
"""

import itertools
import os
import stat
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.ledger.faulty import Faults, Kind


class Left(StrEnum):
    """What a file system may leave of that which was not synced."""

    NOTHING = "nothing unsynced"
    NAMES = "all names, but zeros for data"


class PowerCut(Faults):
    """Cuts the power after the ``number``-th call on ``folder``; what is there before is durable."""

    def __init__(self, folder: Path, number: int) -> None:
        super().__init__(folder, number, Kind.KILLED_AFTER)
        self._root = folder
        self._births = itertools.count()
        self._identity: dict[int, int] = {}
        self._content: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        self._modes: dict[int, int] = {}
        for path in (folder, *folder.rglob("*")):
            self._born(path)
        for path in (folder, *folder.rglob("*")):
            self._synced(path)

    def perform(
        self, name: str, act: Callable[[], Any], real: Callable[..., Any], arguments: Any
    ) -> Any:
        """Note what the call makes durable before power may be cut behind it."""

        def noted() -> Any:
            where = arguments[0]
            new = name in {"open", "mkdir"} and not os.path.lexists(where)
            done = act()
            if new:
                self._born(Path(where))
            elif name in {"fsync", "fdatasync"}:
                self._synced(_path_of(where))
            elif name == "pwritev" and arguments[3:] == (os.RWF_DSYNC,):
                self._written(where, b"".join(arguments[1])[:done], arguments[2])
            return done

        return super().perform(name, noted, real, arguments)

    def lay_out(self, target: Path, left: Left) -> None:
        """Make at ``target`` what is found when the power is back."""
        if left is Left.NAMES:
            self._names = {}
            for path in (self._root, *self._root.rglob("*")):
                if path.is_dir():
                    self._names[self._who(path)] = self._listed(path)
        sizes = {self._who(path): path.lstat().st_size for path in self._root.rglob("*")}
        folders = {self._who(path) for path in self._root.rglob("*") if path.is_dir()}
        self._restore(self._who(self._root), target, sizes if left is Left.NAMES else {}, folders)

    def _restore(self, who: int, target: Path, sizes: dict[int, int], folders: set[int]) -> None:
        target.mkdir()
        target.chmod(self._modes.get(who, 0o700))
        for name, child in self._names.get(who, {}).items():
            path = target / name
            if child in folders:
                self._restore(child, path, sizes, folders)
            else:
                content = self._content.get(child, b"")
                path.write_bytes(content.ljust(sizes.get(child, 0), b"\0"))
                path.chmod(self._modes.get(child, 0o600))

    def _born(self, path: Path) -> None:
        # Numbers of files that are gone are given out again, so each birth has its own.
        self._identity[path.lstat().st_ino] = who = next(self._births)
        if path.is_dir():
            self._modes[who] = stat.S_IMODE(path.lstat().st_mode)

    def _who(self, path: Path) -> int:
        return self._identity[path.lstat().st_ino]

    def _listed(self, folder: Path) -> dict[str, int]:
        return {path.name: self._who(path) for path in folder.iterdir()}

    def _synced(self, path: Path) -> None:
        who = self._who(path)
        self._modes[who] = stat.S_IMODE(path.lstat().st_mode)
        if path.is_dir():
            self._names[who] = self._listed(path)
        else:
            self._content[who] = path.read_bytes()

    def _written(self, descriptor: int, data: bytes, offset: int) -> None:
        path = _path_of(descriptor)
        who = self._who(path)
        before = self._content.get(who, b"").ljust(offset, b"\0")
        self._content[who] = before[:offset] + data + before[offset + len(data) :]
        self._modes.setdefault(who, stat.S_IMODE(path.lstat().st_mode))


def _path_of(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()
