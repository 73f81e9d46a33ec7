"""Chain: the open folders between a root descriptor and the folder last asked for.

Paths are walked one component at a time with ``O_NOFOLLOW``, so a link that somebody put on the
way is never followed out of the workspace. Neighbouring paths share their open folders. Closed by
its user.
"""

import errno
import os
from types import TracebackType
from typing import Self

from os2shell.executors.workspace.capture import FOLDER_FLAGS


class Chain:
    """Folders opened on the way to a path."""

    def __init__(self, root_fd: int) -> None:
        """Start at ``root_fd``, which stays the caller's."""
        self._root = root_fd
        self._open: list[tuple[bytes, int]] = []

    def __enter__(self) -> Self:
        """Return itself; leaving closes every folder it opened."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._shorten(0)

    def find(self, folder: bytes) -> int | None:
        """Descriptor of ``folder`` (``b""`` is the root), or ``None`` when it is no real folder."""
        try:
            for depth, name in self._missing(folder):
                self._enter(depth, name)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                return None
            raise
        return self._last()

    def make(self, folder: bytes, aside: bytes) -> tuple[int, bytes]:
        """Descriptor and path of ``folder``, made where it is missing.

        Where something that is no folder stands in the way, it is kept, and a folder with the
        suffix ``aside`` is made beside it; the path returned then differs from ``folder``.
        """
        actual: list[bytes] = []
        parts = folder.split(b"/") if folder else []
        for name in parts:
            for candidate in (name, name[: 255 - len(aside)] + aside):
                try:
                    self._step(len(actual), candidate)
                except OSError as error:
                    if error.errno not in {errno.ENOTDIR, errno.ELOOP} or candidate != name:
                        raise
                else:
                    actual.append(candidate)
                    break
        self._shorten(len(actual))
        return self._last(), b"/".join(actual)

    def _step(self, depth: int, name: bytes) -> None:
        """Be in ``name`` at ``depth``, making it when it does not exist."""
        if depth < len(self._open) and self._open[depth][0] == name:
            return
        self._shorten(depth)
        try:
            self._enter(depth, name)
        except FileNotFoundError:
            os.mkdir(name, dir_fd=self._last())
            self._enter(depth, name)

    def _missing(self, folder: bytes) -> list[tuple[int, bytes]]:
        parts = folder.split(b"/") if folder else []
        shared = 0
        for (name, _), part in zip(self._open, parts, strict=False):
            if name != part:
                break
            shared += 1
        self._shorten(shared)
        return list(enumerate(parts))[shared:]

    def _enter(self, depth: int, name: bytes) -> None:
        self._shorten(depth)
        self._open.append((name, os.open(name, FOLDER_FLAGS, dir_fd=self._last())))

    def _last(self) -> int:
        return self._open[-1][1] if self._open else self._root

    def _shorten(self, depth: int) -> None:
        while len(self._open) > depth:
            os.close(self._open.pop()[1])
