"""The file of an offline root key: plain, or under a passphrase.

Plain: the secret key as ``keys`` writes it. Under a passphrase, four lines:

    os2 ledger key, encrypted
    <public key>
    argon2id <salt in base64> <iterations> <lanes> <memory in KiB>
    <Fernet token of the secret key>

The Fernet key is Argon2id (RFC 9106) of the passphrase, 32 bytes. A reader refuses parameters
beyond the limits here, so that a foreign file cannot take the machine's memory.
"""

import os
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Final

from ledger.errors import (
    AlgorithmMissing,
    DurabilityError,
    KeyFormatError,
    NoteError,
)
from ledger.trust.keys import PublicKey, Signer
from ledger.trust.note import decode64, encode64
from ledger.trust.secret_file import read_secret, write_secret

TITLE: Final = "os2 ledger key, encrypted"
ITERATIONS: Final = 3
LANES: Final = 4
MEMORY_KIB: Final = 64 * 1024
_MOST: Final = (64, 64, 1024 * 1024)
_KEY_BYTES: Final = 32
_SALT_BYTES: Final = 16
_LINES: Final = 4


def write_root(path: Path, signer: Signer, passphrase: str | None) -> None:
    """Keep ``signer`` at ``path``, mode 0600; never over another file."""
    data = f"{signer.secret_text()}\n".encode()
    if passphrase is not None:
        data = _encrypted(signer, passphrase)
    try:
        made = write_secret(path, data)
    except OSError as problem:
        raise DurabilityError(
            f"expected to write {path}, found: {problem.strerror}; choose another place"
        ) from problem
    if not made:
        raise DurabilityError(f"expected no file at {path}, found one; choose another name")


def read_root(path: Path, passphrase: str | None) -> Signer:
    """The root key at ``path``; refuses one that others can read, or a wrong passphrase."""
    try:
        text = _private_text(path)
        if not text.startswith(TITLE):
            return Signer.parse(text)
        return _decrypted(text, passphrase, path)
    except (UnicodeDecodeError, NoteError) as problem:
        raise KeyFormatError(
            f"expected a root key in {path}, found another text; restore the file from a backup"
        ) from problem


def is_encrypted(path: Path) -> bool:
    """Whether the file at ``path`` asks for a passphrase."""
    return _private_text(path).startswith(TITLE)


def _private_text(path: Path) -> str:
    return read_secret(path, "bring it back").decode()


def _encrypted(signer: Signer, passphrase: str) -> bytes:
    from cryptography.fernet import Fernet  # noqa: PLC0415 - seldom used, slow to import

    salt = os.urandom(_SALT_BYTES)
    key = _derived(passphrase, salt, ITERATIONS, LANES, MEMORY_KIB)
    token = Fernet(key).encrypt(signer.secret_text().encode()).decode()
    parameters = f"argon2id {encode64(salt)} {ITERATIONS} {LANES} {MEMORY_KIB}"
    return f"{TITLE}\n{signer.public}\n{parameters}\n{token}\n".encode()


def _decrypted(text: str, passphrase: str | None, path: Path) -> Signer:
    from cryptography.fernet import Fernet, InvalidToken  # noqa: PLC0415 - as above

    if passphrase is None:
        raise KeyFormatError(f"expected a passphrase for {path}, found none; give it")
    lines = text.rstrip("\n").split("\n")
    words = lines[2].split(" ") if len(lines) == _LINES else []
    if len(words) != 5 or words[0] != "argon2id":  # noqa: PLR2004 - as the module says
        raise KeyFormatError(f"expected four lines and argon2id in {path}, found another form")
    public, salt = PublicKey.parse(lines[1]), decode64(words[1])
    costs = [int(word) if word.isascii() and word.isdigit() else 0 for word in words[2:]]
    if any(not 0 < cost <= most for cost, most in zip(costs, _MOST, strict=True)):
        raise KeyFormatError(f"expected costs of at most {_MOST} in {path}, found {costs}")
    try:
        secret = Fernet(_derived(passphrase, salt, *costs)).decrypt(lines[3].encode())
    except (InvalidToken, ValueError) as problem:
        raise KeyFormatError(
            f"expected the passphrase of {path}, found another; try again"
        ) from problem
    signer = Signer.parse(secret.decode())
    if signer.public != public:
        raise KeyFormatError(f"expected the key {public} in {path}, found {signer.public}")
    return signer


def _derived(passphrase: str, salt: bytes, iterations: int, lanes: int, memory: int) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # noqa: PLC0415 - as above

    try:
        kdf = Argon2id(
            salt=salt, length=_KEY_BYTES, iterations=iterations, lanes=lanes, memory_cost=memory
        )
    except UnsupportedAlgorithm as problem:
        raise AlgorithmMissing(
            f"expected Argon2id from the cryptography library, found: {problem}; install its wheel"
        ) from problem
    return urlsafe_b64encode(kdf.derive(passphrase.encode()))
