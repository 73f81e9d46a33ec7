"""Cosignatures of C2SP tlog-cosignature: a witness states when it saw which head of a log.

Two algorithms, told apart by the byte in the key's text form and in its hash: Ed25519 (4) signs
the lines ``cosignature/v1`` and ``time <seconds>`` followed by the checkpoint's text; ML-DSA-44
(6, FIPS 204) signs a binary structure of the witness' name, the time, and the log's origin, size
and root. The ML-DSA form says nothing of extension lines. In a note both are a signature line
whose bytes are the time, 8 bytes big-endian, and the signature.

A cosignature of time 0 makes no statement about the latest head; here it is refused. Times in the
future are not: judging clocks is left to whoever has a trusted one.

Libraries are imported late, as in ``keys``; one that lacks ML-DSA is a named refusal.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from types import ModuleType
from typing import Final

from ledger.errors import AlgorithmMissing, CheckpointError, KeyFormatError, NoteError
from ledger.trust.ed25519 import SecretKey, is_signed
from ledger.trust.keys import PublicKey, is_safe_point
from ledger.trust.note import (
    KEY_ID_BYTES,
    Note,
    Signature,
    decode64,
    encode64,
    is_name,
)
from ledger.trust.vkey import split

SEED_BYTES: Final = 32
MAX_SIZE: Final = 2**63 - 1
_MAX_TIME: Final = 2**63 - 1
_MAX_DIGITS: Final = 19
_MAX_OPAQUE: Final = 255
_ROOT_BYTES: Final = 32
_LEAST_LINES: Final = 3
_TIME: Final = struct.Struct(">Q")
_SECRET_PREFIX: Final = "PRIVATE+KEY+"  # noqa: S105 - a format, not a secret


class Algorithm(IntEnum):
    """The signature type byte of signed-note."""

    ED25519 = 4
    ML_DSA_44 = 6

    @property
    def key_bytes(self) -> int:
        """The length of a public key."""
        return 32 if self is Algorithm.ED25519 else 1312

    @property
    def signature_bytes(self) -> int:
        """The length of a signature, without its time."""
        return 64 if self is Algorithm.ED25519 else 2420


@dataclass(frozen=True, slots=True)
class TreeHead:
    """The part of a checkpoint that witnesses judge: the first three lines of its text."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: str) -> "TreeHead":
        """Read a checkpoint's text; extension lines may be anything but empty."""
        lines = text.split("\n")[:-1]
        if len(lines) < _LEAST_LINES or not all(lines):
            raise CheckpointError("expected origin, size and root, found fewer lines or empty ones")
        root = decode64(lines[2])
        if len(root) != _ROOT_BYTES:
            raise CheckpointError(f"expected a root of 32 bytes, found {len(root)}")
        return cls(lines[0], plain_number(lines[1]), root)


@dataclass(frozen=True, slots=True)
class CosignerKey:
    """Who may cosign: a name, an algorithm, and its public key."""

    name: str
    algorithm: Algorithm
    key: bytes

    def __post_init__(self) -> None:
        """Refuse names and keys that must not be trusted."""
        if not is_name(self.name) or len(self.name.encode()) > _MAX_OPAQUE:
            raise KeyFormatError(
                f"expected a name of 1 to {_MAX_OPAQUE} bytes without spaces and '+', found "
                f"{self.name[:80]!r}"
            )
        if len(self.key) != self.algorithm.key_bytes:
            raise KeyFormatError(
                f"expected a key of {self.algorithm.key_bytes} bytes for {self.algorithm.name}, "
                f"found {len(self.key)}; copy the public key again"
            )
        if self.algorithm is Algorithm.ED25519 and not is_safe_point(self.key):
            raise KeyFormatError(
                f"expected an Ed25519 key of full order, found {self.key.hex()}; ask its owner "
                "for another key"
            )

    @classmethod
    def parse(cls, text: str) -> "CosignerKey":
        """Read ``<name>+<hash>+<base64>`` of type 4 or 6."""
        name, key_id, kind, key = split(text.strip())
        public = cls(name, _algorithm(kind), key)
        if public.key_id != key_id:
            raise KeyFormatError(
                f"expected key hash {public.key_id.hex()} for {name}, found {key_id.hex()}; "
                "copy the public key again"
            )
        return public

    @property
    def key_id(self) -> bytes:
        """The four bytes that name this key in signature lines."""
        kind = bytes([self.algorithm])
        return sha256(self.name.encode() + b"\n" + kind + self.key).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:  # type: ignore[explicit-override]  # typing has it from 3.12
        """The text form, as ``parse`` reads it."""
        return f"{self.name}+{self.key_id.hex()}+{encode64(bytes([self.algorithm]) + self.key)}"

    def verify(self, note: Note) -> None:
        """Refuse ``note`` unless this key cosigned it, exactly once."""
        mine = [s for s in note.signatures if s.name == self.name and s.key_id == self.key_id]
        if len(mine) != 1:
            raise NoteError(
                f"expected one cosignature by {self.name}+{self.key_id.hex()}, found {len(mine)}"
            )
        time = cosigned_at(mine[0])
        value = mine[0].value[_TIME.size :]
        message = _message(self.algorithm, self.name, time, note.text)
        if len(value) != self.algorithm.signature_bytes or not holds(
            self.algorithm, self.key, value, message
        ):
            raise NoteError(
                f"expected a cosignature by {self.name}+{self.key_id.hex()}, found one that does "
                "not verify; the checkpoint was altered or cosigned by another key"
            )


class Cosigner:
    """A secret key that cosigns; ``repr`` shows the public half only."""

    __slots__ = ("_seed", "public")

    def __init__(self, name: str, seed: bytes, algorithm: Algorithm = Algorithm.ED25519) -> None:
        """Hold the key made from ``seed`` under ``name``."""
        if len(seed) != SEED_BYTES:
            raise KeyFormatError(f"expected a seed of {SEED_BYTES} bytes, found {len(seed)}")
        self._seed = seed
        self.public = CosignerKey(name, algorithm, _public_of(algorithm, seed))

    def __repr__(self) -> str:  # type: ignore[explicit-override]  # typing has it from 3.12
        """Never the secret."""
        return f"Cosigner({self.public.name}+{self.public.key_id.hex()})"

    @classmethod
    def generate(cls, name: str, algorithm: Algorithm = Algorithm.ED25519) -> "Cosigner":
        """A fresh key from the system's entropy."""
        return cls(name, os.urandom(SEED_BYTES), algorithm)

    @classmethod
    def parse(cls, text: str) -> "Cosigner":
        """Read ``PRIVATE+KEY+<name>+<hash>+<base64 of the type byte and the seed>``."""
        stripped = text.strip()
        if not stripped.startswith(_SECRET_PREFIX):
            raise KeyFormatError(
                f"expected a secret key starting with {_SECRET_PREFIX}, found another text"
            )
        name, key_id, kind, seed = split(stripped.removeprefix(_SECRET_PREFIX))
        cosigner = cls(name, seed, _algorithm(kind))
        if cosigner.public.key_id != key_id:
            raise KeyFormatError(f"expected the hash of {name}'s key, found {key_id.hex()}")
        return cosigner

    def secret_text(self) -> str:
        """The secret key as its file holds it; for nobody's eyes."""
        public = self.public
        encoded = encode64(bytes([public.algorithm]) + self._seed)
        return f"{_SECRET_PREFIX}{public.name}+{public.key_id.hex()}+{encoded}"

    def cosign(self, text: str, time: int) -> Signature:
        """The cosignature of a checkpoint's ``text`` at ``time``, in seconds since 1970."""
        if not 0 < time <= _MAX_TIME:
            raise NoteError(f"expected a time after 1970, found {time} s; check the clock")
        public = self.public
        message = _message(public.algorithm, public.name, time, text)
        value = _signed(public.algorithm, self._seed, message)
        return Signature(public.name, public.key_id, _TIME.pack(time) + value)


def cosigned_at(signature: Signature) -> int:
    """When a cosignature says it was made, in seconds since 1970; refuses what is not a time."""
    if len(signature.value) < _TIME.size:
        raise NoteError(f"expected a time and a signature, found {len(signature.value)} bytes")
    time = int(_TIME.unpack_from(signature.value)[0])
    if not 0 < time <= _MAX_TIME:
        raise NoteError(f"expected a time from 1 to 2^63 - 1, found {time}")
    return time


def parse_log_key(text: str) -> PublicKey | CosignerKey:
    """The key of a log: signing notes (type 1), or cosigning its own checkpoints (4, 6)."""
    _, _, kind, _ = split(text.strip())
    return PublicKey.parse(text) if kind == 1 else CosignerKey.parse(text)


def plain_number(text: str) -> int:
    """A size in plain decimal, of 63 bits."""
    good = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    if not good or str(int(text)) != text or int(text) > MAX_SIZE:
        raise CheckpointError(f"expected a size as plain decimal, found {text[:40]!r}")
    return int(text)


def holds(algorithm: Algorithm, key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether ``key`` made ``signature`` over ``message`` (ML-DSA: with an empty context)."""
    if algorithm is Algorithm.ED25519:
        return is_signed(key, signature, message)
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - as in ``ed25519``

    try:
        with _named_lack():
            public = _mldsa().MLDSA44PublicKey.from_public_bytes(key)
        public.verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed(algorithm: Algorithm, seed: bytes, message: bytes) -> bytes:
    if algorithm is Algorithm.ED25519:
        return SecretKey(seed).sign(message)
    value: bytes = _mldsa().MLDSA44PrivateKey.from_seed_bytes(seed).sign(message)
    return value


def _public_of(algorithm: Algorithm, seed: bytes) -> bytes:
    if algorithm is Algorithm.ED25519:
        return SecretKey(seed).public
    with _named_lack():
        private = _mldsa().MLDSA44PrivateKey.from_seed_bytes(seed)
    value: bytes = private.public_key().public_bytes_raw()
    return value


def _message(algorithm: Algorithm, name: str, time: int, text: str) -> bytes:
    if algorithm is Algorithm.ED25519:
        return f"cosignature/v1\ntime {time}\n{text}".encode()
    head = TreeHead.parse(text)
    return b"".join(
        (
            b"subtree/v1\n\0",
            _opaque(name),
            _TIME.pack(time),
            _opaque(head.origin),
            _TIME.pack(0),
            _TIME.pack(head.size),
            head.root,
        )
    )


def _opaque(text: str) -> bytes:
    data = text.encode()
    if not 0 < len(data) <= _MAX_OPAQUE:
        raise NoteError(
            f"expected an origin of 1 to {_MAX_OPAQUE} bytes for an ML-DSA cosignature, found "
            f"{len(data)}; cosign with an Ed25519 key"
        )
    return bytes([len(data)]) + data


def _algorithm(kind: int) -> Algorithm:
    try:
        return Algorithm(kind)
    except ValueError as problem:
        raise KeyFormatError(
            f"expected a cosigning key (type 4 or 6), found type {kind}; a key of type 1 signs "
            "notes and cannot cosign"
        ) from problem


@contextmanager
def _named_lack() -> Iterator[None]:
    """Turns the library's own word for a missing algorithm into ours."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as above

    try:
        yield
    except UnsupportedAlgorithm as problem:
        raise _lacking() from problem


def _mldsa() -> ModuleType:
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa  # noqa: PLC0415 - as above
    except ImportError as problem:
        raise _lacking() from problem
    return mldsa


def _lacking() -> AlgorithmMissing:
    return AlgorithmMissing(
        "expected ML-DSA-44 in the library 'cryptography', found a version or build without it; "
        "upgrade it, or use an Ed25519 key"
    )
