"""A file that is there whole and durable, or not at all.

create .<name>.<number>.new, write, fsync, rename over the name, fsync the folder. A crash leaves
at most the first, which means nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ledger.disk import NO_ROOM, sync_directory
from ledger.errors import DiskFull, DurabilityError


@contextmanager
def placed(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which becomes ``path`` when the block ends well."""
    spare = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with spare.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        spare.rename(path)
        sync_directory(path.parent)
    except OSError as problem:
        kind = DiskFull if problem.errno in NO_ROOM else DurabilityError
        raise kind(f"expected to write {path}, found: {problem.strerror}; make room") from problem
    finally:
        spare.unlink(missing_ok=True)
