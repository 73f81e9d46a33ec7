"""The file ``lock``: ``flock`` between the processes that have one log open.

The kernel releases it when its holder dies. A copy of a log that may only be read needs none,
because nobody appends to it.
"""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

from ledger.disk import Folder
from ledger.errors import ClosedError, UnreadableError
from ledger.storage.segment_files import READ, WRITE

_LOCK: Final = "lock"


class StoreLock:
    """One process's hold on the lock."""

    def __init__(
        self, log: Folder, *, read_only: bool, fail: Callable[[str, OSError], NoReturn]
    ) -> None:
        """Open the lock of ``log``, and make it where that is allowed; ``fail`` ends the store."""
        self._fail = fail
        self._process = os.getpid()
        self._descriptor: int | None = None
        try:
            self._descriptor = log.plain_file(_LOCK, READ if read_only else WRITE | os.O_CREAT)
        except OSError as problem:
            if not read_only or problem.errno not in {errno.ENOENT, errno.EACCES}:
                raise UnreadableError(
                    f"expected to open the lock {log.path / _LOCK}, found: {problem.strerror}; "
                    "check who may write to the ledger"
                ) from problem

    @contextmanager
    def held(self, *, alone: bool) -> Iterator[None]:
        """Keep others out, or, unless ``alone``, only those who would write."""
        self._require_process()
        if self._descriptor is None:
            yield
            return
        self._flock(self._descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        try:
            yield
        finally:
            if self._descriptor is not None:
                self._flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go; idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _flock(self, descriptor: int, kind: int) -> None:
        try:
            fcntl.flock(descriptor, kind)
        except OSError as problem:
            self._fail("hold the lock", problem)  # closing lets go of it for certain

    def _require_process(self) -> None:
        """Across a fork both processes own the one lock, and would write over each other."""
        if os.getpid() != self._process:
            raise ClosedError(
                "expected the process that opened this ledger, found a fork of it; open the "
                "ledger again in this process"
            )
