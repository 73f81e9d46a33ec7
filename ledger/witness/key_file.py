"""The secret keys of witnesses, in files of mode 0600 that are made once and whole.

One line of text: ``PRIVATE+KEY+<name>+<hash>+<base64 of the type byte and the seed>``, the form of
signed-note with the type of the cosignature (4 Ed25519, 6 ML-DSA-44). A key that others can read is
refused, because it may be known already.
"""

from pathlib import Path

from ledger.errors import (
    DurabilityError,
    KeyFormatError,
    KeyProblem,
    NoteError,
)
from ledger.trust.cosignature import Algorithm, Cosigner
from ledger.trust.secret_file import read_secret, write_secret


def load_cosigner(path: Path) -> Cosigner:
    """The key at ``path``; refuses one that others can read."""
    data = read_secret(path, "make one with 'ledger witness key'")
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
