"""Ed25519 keys of a ledger, in the encodings of signed-note.

A public key is ``<name>+<hash>+<base64 of 0x01 and 32 bytes>``; a secret one is the same with the
seed, behind ``PRIVATE+KEY+``. The name is the ledger's origin. Secret keys rest in files of mode
0600 in a folder of mode 0700; one that others can read is refused, because it may be known
already.

What judges signatures (``ed25519``) accepts public keys of small order, under which many messages
verify, and points that are not reduced. We refuse both before it sees them.
"""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from ledger.errors import (
    DurabilityError,
    KeyFormatError,
    KeyProblem,
    NoteError,
    WrongKey,
)
from ledger.trust.ed25519 import SEED_BYTES, SecretKey, is_signed
from ledger.trust.note import KEY_ID_BYTES, Note, Signature, encode64, is_name
from ledger.trust.secret_file import read_secret, write_secret
from ledger.trust.vkey import split

_ED25519: Final = b"\x01"
_SECRET_PREFIX: Final = "PRIVATE+KEY+"  # noqa: S105 - a format, not a secret
_FIELD: Final = 2**255 - 19
_ORDER_8_Y: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_LOW_ORDER_Y: Final = frozenset({0, 1, _FIELD - 1, _ORDER_8_Y, _FIELD - _ORDER_8_Y})


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Who may sign: a name and an Ed25519 point that is neither weak nor oddly spelled."""

    name: str
    key: bytes

    def __post_init__(self) -> None:
        """Refuse names and points that must not be trusted."""
        if not is_name(self.name):
            raise KeyFormatError(f"expected a name without spaces and '+', found {self.name!r}")
        if not is_safe_point(self.key):
            raise KeyFormatError(
                f"expected an Ed25519 key of full order, found {self.key.hex()!r}; "
                "ask its owner for another key"
            )

    @classmethod
    def parse(cls, text: str) -> "PublicKey":
        """Read ``<name>+<hash>+<base64>``."""
        name, key_id, key = _split(text.strip())
        public = cls(name, key)
        if public.key_id != key_id:
            raise KeyFormatError(
                f"expected key hash {public.key_id.hex()} for {name}, found {key_id.hex()}; "
                "copy the public key again"
            )
        return public

    @property
    def key_id(self) -> bytes:
        """The four bytes that name this key in signature lines."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.key).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:  # type: ignore[explicit-override]  # typing has it from 3.12
        """The text form, as ``parse`` reads it."""
        return f"{self.name}+{self.key_id.hex()}+{encode64(_ED25519 + self.key)}"

    def verify(self, note: Note) -> None:
        """Refuse ``note`` unless this key signed it, exactly once."""
        mine = [s for s in note.signatures if s.name == self.name and s.key_id == self.key_id]
        if len(mine) != 1:
            found = ", ".join(f"{s.name}+{s.key_id.hex()}" for s in note.signatures)
            raise NoteError(
                f"expected one signature by {self.name}+{self.key_id.hex()}, found {found}"
            )
        if not is_signed(self.key, mine[0].value, note.text.encode()):
            raise NoteError(
                f"expected a signature by {self.name}+{self.key_id.hex()}, found one that does "
                "not verify; the text was altered or signed by another key"
            )


class Signer:
    """A secret key that signs the heads of one ledger; ``repr`` shows the public half only."""

    __slots__ = ("_key", "_key_id", "public")

    def __init__(self, name: str, seed: bytes) -> None:
        """Hold the key made from ``seed`` under ``name``."""
        if len(seed) != SEED_BYTES:
            raise KeyFormatError(f"expected a seed of {SEED_BYTES} bytes, found {len(seed)}")
        self._key = SecretKey(seed)
        self.public = PublicKey(name, self._key.public)
        self._key_id = self.public.key_id  # kept: it stands in every note, and is a hash

    def __repr__(self) -> str:  # type: ignore[explicit-override]  # typing has it from 3.12
        """Never the secret."""
        return f"Signer({self.public})"

    @property
    def name(self) -> str:
        """The name of the key: the ledger's origin."""
        return self.public.name

    @classmethod
    def parse(cls, text: str) -> "Signer":
        """Read ``PRIVATE+KEY+<name>+<hash>+<base64>``."""
        stripped = text.strip()
        if not stripped.startswith(_SECRET_PREFIX):
            raise KeyFormatError(
                f"expected a secret key starting with {_SECRET_PREFIX}, found another text"
            )
        name, key_id, seed = _split(stripped.removeprefix(_SECRET_PREFIX))
        signer = cls(name, seed)
        if signer.public.key_id != key_id:
            raise KeyFormatError(f"expected the hash of {name}'s key, found {key_id.hex()}")
        return signer

    def signer(self, wanted: PublicKey) -> "Signer":
        """Itself, when it is the wanted one: a keyring of one key."""
        if self.public != wanted:
            raise WrongKey(
                f"expected the key {wanted}, found {self.public}; the ledger's key was rotated, or "
                "it is another ledger: open it with its present key"
            )
        return self

    def prepare(self) -> "Signer":
        """Refused: a key that rests nowhere has no successor."""
        raise KeyProblem(
            f"expected a key file to rotate, found the bare key {self.public}; open the ledger "
            "with KeyFile(path)"
        )

    def unsettled(self) -> bool:
        """Nothing ever is: this key has no successor."""
        return False

    def settle(self, current: PublicKey) -> bool:
        """Nothing to do: what is not kept here cannot be destroyed here."""
        self.signer(current)
        return False

    def secret_text(self) -> str:
        """The secret key as its file holds it; for nobody's eyes."""
        return (
            f"{_SECRET_PREFIX}{self.name}+{self.public.key_id.hex()}"
            f"+{encode64(_ED25519 + self._key.seed)}"
        )

    def sign(self, text: str) -> Note:
        """The note of ``text`` with this key's signature."""
        value = self._key.sign(text.encode())
        return Note(text, (Signature(self.name, self._key_id, value),))


def is_safe_point(key: bytes) -> bool:
    """Whether ``key`` spells a reduced point that is not of small order."""
    if len(key) != SEED_BYTES:
        return False
    y = int.from_bytes(key, "little") & ((1 << 255) - 1)
    return y < _FIELD and y not in _LOW_ORDER_Y


def load_key(path: Path) -> Signer:
    """Read the secret key at ``path``; refuses one that others can read."""
    data = read_secret(path)
    try:
        return Signer.parse(data.decode())
    except (UnicodeDecodeError, KeyProblem, NoteError) as problem:
        raise KeyFormatError(
            f"expected a secret key in {path}, found another text; restore the file from a backup"
        ) from problem


def load_or_create_key(path: Path, origin: str) -> Signer:
    """The key at ``path``; made there, once and whole, when there is none.

    A new key is written to a file of its own, synced, and linked to its name: of several processes
    starting at once one wins and all use that key. A crash leaves a spare file, never half a key.
    """
    if not os.path.lexists(path):
        try:
            write_key(path, Signer(origin, os.urandom(SEED_BYTES)))
        except OSError as problem:
            raise DurabilityError(
                f"expected to create the key {path}, found: {problem.strerror}; check the folder"
            ) from problem
    signer = load_key(path)
    if signer.name != origin:
        raise WrongKey(f"expected the key of {origin} at {path}, found the key of {signer.name}")
    return signer


def write_key(path: Path, signer: Signer) -> bool:
    """Keep ``signer`` at ``path``, whole and durable; False when another file is there already."""
    return write_secret(path, f"{signer.secret_text()}\n".encode())


def _split(text: str) -> tuple[str, bytes, bytes]:
    name, key_id, kind, key = split(text)
    if kind != _ED25519[0] or len(key) != SEED_BYTES:
        raise KeyFormatError("expected an Ed25519 key (type 1, 32 bytes), found another type")
    return name, key_id, key
