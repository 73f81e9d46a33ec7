"""A file that is there whole and durable, or not at all.

open the folder, create .<name>.<number>.new, write, fsync, rename over the name, fsync the folder.
A crash leaves at most the spare file, which means nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from ledger.disk import NO_ROOM, Folder
from ledger.errors import DiskFull, DurabilityError

_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


@contextmanager
def placed(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which becomes ``path`` when the block ends well."""
    try:
        with Folder.opened(path.parent) as folder, _spare(folder, path.name) as spare:
            with os.fdopen(folder.file(spare, _CREATE, 0o666), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            folder.rename(spare, path.name)
            folder.sync()
    except OSError as problem:
        kind = DiskFull if problem.errno in NO_ROOM else DurabilityError
        raise kind(f"expected to write {path}, found: {problem.strerror}; make room") from problem


@contextmanager
def _spare(folder: Folder, name: str) -> Iterator[str]:
    spare = f".{name}.{os.getpid()}.new"
    try:
        yield spare
    finally:
        with suppress(FileNotFoundError):
            folder.remove(spare)
