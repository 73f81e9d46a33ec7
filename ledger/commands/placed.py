"""Where a command puts what it made: a new file, never over an old one, or standard output."""

import sys
from pathlib import Path

from ledger.errors import DurabilityError, EntryError, UnreadableError


def place(data: bytes, out: Path | None) -> None:
    """Write ``data`` to the new file ``out``, or to standard output."""
    if out is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        with out.open("xb") as file:
            file.write(data)
    except FileExistsError as problem:
        raise EntryError(
            f"expected no file {out} yet, found one; choose another name or move it away"
        ) from problem
    except OSError as problem:
        raise DurabilityError(
            f"expected to write {out}, found: {problem.strerror}; choose another place"
        ) from problem


def content(path: Path, limit: int) -> bytes:
    """The bytes of a file that somebody gave, at most ``limit`` and one more to tell."""
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as problem:
        raise UnreadableError(
            f"expected a file {path}, found: {problem.strerror}; check the path"
        ) from problem
