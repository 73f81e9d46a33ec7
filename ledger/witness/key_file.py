"""The secret keys of witnesses, in files of mode 0600 that are made once and whole.

One line of text: ``PRIVATE+KEY+<name>+<hash>+<base64 of the type byte and the seed>``, the form of
signed-note with the type of the cosignature (4 Ed25519, 6 ML-DSA-44). A key that others can read is
refused, because it may be known already.
"""

import os
import stat
from pathlib import Path
from typing import Final

from ledger.errors import (
    DurabilityError,
    KeyExposed,
    KeyFormatError,
    KeyProblem,
    NoteError,
    UnreadableError,
)
from ledger.trust.cosignature import Algorithm, Cosigner
from ledger.trust.keys import write_secret

_MAX_BYTES: Final = 4096
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def load_cosigner(path: Path) -> Cosigner:
    """The key at ``path``; refuses one that others can read."""
    try:
        descriptor = os.open(path, _READ)
    except OSError as problem:
        raise UnreadableError(
            f"expected a witness' secret key at {path}, found: {problem.strerror}; make one with "
            "'ledger witness key'"
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
        data = os.read(descriptor, _MAX_BYTES)
    finally:
        os.close(descriptor)
    try:
        return Cosigner.parse(data.decode())
    except (UnicodeDecodeError, NoteError, KeyFormatError) as problem:
        raise KeyFormatError(
            f"expected a witness' secret key in {path}, found another text; restore the file, or "
            "make a key with 'ledger witness key'"
        ) from problem


def create_cosigner(path: Path, name: str, algorithm: Algorithm) -> Cosigner:
    """Make a key at ``path``; refused when a file is there already."""
    cosigner = Cosigner.generate(name, algorithm)
    try:
        made = write_secret(path, f"{cosigner.secret_text()}\n".encode())
    except OSError as problem:
        raise DurabilityError(
            f"expected to create the key {path}, found: {problem.strerror}; check the folder"
        ) from problem
    if not made:
        raise KeyProblem(f"expected no file at {path}, found one; a key is never replaced")
    return cosigner
