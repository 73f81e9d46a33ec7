"""Secrets in files: mode 0600, made once and whole, refused where others can read them."""

import os
import stat
from pathlib import Path
from typing import Final

from ledger.disk import Folder, make_private_folder
from ledger.errors import KeyExposed, KeyFormatError, UnreadableError

_MAX_BYTES: Final = 4096
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def read_secret(path: Path, remedy: str = "restore the file") -> bytes:
    """What ``path`` holds; ``remedy`` says what to do where there is no such file."""
    try:
        descriptor = os.open(path, _READ)
    except OSError as problem:
        raise UnreadableError(
            f"expected a secret key at {path}, found: {problem.strerror}; {remedy}"
        ) from problem
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise KeyFormatError(f"expected a file at {path}, found something else")
        if state.st_mode & 0o077:
            raise KeyExposed(
                f"expected mode 0600 on {path}, found {stat.S_IMODE(state.st_mode):04o}; others "
                "may know this key: make a new one, or chmod 600 it if you are sure"
            )
        return os.read(descriptor, _MAX_BYTES)
    finally:
        os.close(descriptor)


def write_secret(path: Path, data: bytes) -> bool:
    """Create ``path``, whole and durable; False when it is there already.

    Written to a file of its own, synced, and linked to its name: of several processes starting at
    once one wins. A crash leaves a spare file, never half a key.
    """
    make_private_folder(path.parent)
    spare = f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}"
    with Folder.opened(path.parent) as folder:
        descriptor = folder.file(spare, _CREATE, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            try:
                folder.link(spare, path.name)
            except FileExistsError:
                return False  # another process was first; its key is the key
        finally:
            folder.remove(spare)
        folder.sync()
    return True
