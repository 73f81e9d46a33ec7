"""Two signed heads that cannot both be true, and the file that proves it to anybody.

A key that signs two roots, or two chain digests, for one size has shown two histories: no honest
log does. Heads of different sizes contradict each other when the larger one's own tree has
another root at the smaller one's size; a consistency proof from *that* root shows it, because the
larger root fixes every prefix of its tree.

The file is JSON, so that it can be mailed and read by eye: ``schema``, ``public_keys`` (signed-note
verifier keys), ``first`` and ``second`` (the notes as they were signed), and ``prefix``, null or
``root`` and ``hashes`` in base64: the root that the larger tree has at the smaller size, and the
RFC 6962 consistency proof from there. Whether a key in the file is the log's is for the reader to
know; pass the key you trust. Pure: bytes in, findings out.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ledger.errors import CheckpointError, NoteError, ProofError
from ledger.trust import checkpoint
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.keys import PublicKey
from ledger.trust.merkle import EMPTY_ROOT, HASH_BYTES, verify_consistency
from ledger.trust.note import MAX_NOTE_BYTES, accepted, decode64, encode64, parse

SCHEMA: Final = "os2.ledger.equivocation/1"
MAX_FILE_BYTES: Final = 1024 * 1024
_MAX_HASHES: Final = 64
_MAX_KEYS: Final = 1024
_MEMBERS: Final = frozenset({"schema", "public_keys", "first", "second", "prefix"})
_CHAIN: Final = "blake3"


class Finding(StrEnum):
    """What two signed heads say about each other."""

    TWO_HEADS = "two heads"
    NO_CONTRADICTION = "no contradiction"
    NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True, slots=True)
class Prefix:
    """What a larger tree says about a smaller size: its root there, and the proof from there."""

    root: bytes
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The finding, and in plain words why."""

    finding: Finding
    reason: str


@dataclass(frozen=True, slots=True)
class Equivocation:
    """Two notes, the keys that are said to have signed them, and what links their sizes."""

    keys: tuple[PublicKey, ...]
    first: bytes
    second: bytes
    prefix: Prefix | None = None

    def encode(self) -> bytes:
        """The file."""
        prefix = None
        if self.prefix is not None:
            prefix = {
                "root": encode64(self.prefix.root),
                "hashes": [encode64(value) for value in self.prefix.hashes],
            }
        members = {
            "schema": SCHEMA,
            "public_keys": [str(key) for key in self.keys],
            "first": self.first.decode(),
            "second": self.second.decode(),
            "prefix": prefix,
        }
        return (json.dumps(members, indent=2, ensure_ascii=False) + "\n").encode()

    def judge(self, trusted: Sequence[PublicKey] = ()) -> Judgement:
        """Verify both signatures, by the ``trusted`` keys or else by the file's own, and judge."""
        keys = trusted or self.keys
        return judge(signed(self.first, keys), signed(self.second, keys), self.prefix)


def signed(data: bytes, keys: Sequence[PublicKey]) -> Checkpoint:
    """The checkpoint in ``data``, refused unless one of ``keys`` signed it for its own name."""
    found = checkpoint.read(data)
    mine = [key for key in keys if key.name == found.origin]
    if not mine:
        names = ", ".join(sorted({key.name for key in keys})) or "none"
        raise CheckpointError(
            f"expected a checkpoint of a log whose key is known ({names}), found one of "
            f"{found.origin!r}; pass that log's public key"
        )
    accepted(parse(data), mine)
    return found


def judge(first: Checkpoint, second: Checkpoint, prefix: Prefix | None = None) -> Judgement:
    """What two heads, both verified by the caller, say about each other."""
    if first.origin != second.origin:
        raise CheckpointError(
            f"expected two heads of one log, found {first.origin!r} and {second.origin!r}; heads "
            "of different logs cannot contradict each other"
        )
    small, large = sorted((first, second), key=lambda head: head.size)
    for head in (small, large):
        if not head.size and head.root != EMPTY_ROOT:
            raise ProofError(f"expected the root of no records, found {head.root.hex()} for size 0")
    if small.size == large.size:
        return _judge_equal(first, second)
    if not small.size:
        return Judgement(Finding.NO_CONTRADICTION, "an empty log is a prefix of every other")
    if prefix is None:
        return Judgement(
            Finding.NOT_COMPARABLE,
            f"the heads are signed for {small.size} and {large.size} records; without a "
            "consistency proof between these sizes they neither agree nor contradict",
        )
    return _judge_linked(small, large, prefix)


def read(data: bytes) -> Equivocation:
    """The evidence in a file; refuses every other form, judges nothing."""
    if len(data) > MAX_FILE_BYTES:
        raise ProofError(
            f"expected a proof file of at most {MAX_FILE_BYTES} bytes, found {len(data)}"
        )
    try:
        members = json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise ProofError(f"expected a proof file in JSON, found another text: {problem}") from None
    if not isinstance(members, dict) or set(members) != _MEMBERS or members["schema"] != SCHEMA:
        raise ProofError(f"expected a file of schema {SCHEMA}, found another shape")
    keys = members["public_keys"]
    if not isinstance(keys, list) or len(keys) > _MAX_KEYS:
        raise ProofError("expected public_keys as a list, found something else")
    return Equivocation(
        tuple(PublicKey.parse(_text(key)) for key in keys),
        _text(members["first"]).encode(),
        _text(members["second"]).encode(),
        _prefix(members["prefix"]),
    )


def _judge_equal(first: Checkpoint, second: Checkpoint) -> Judgement:
    size = first.size
    if first.root != second.root:
        return Judgement(
            Finding.TWO_HEADS,
            f"the log {first.origin} signed two different histories of {size} records: root "
            f"{first.root.hex()} in the first head, {second.root.hex()} in the second. No record "
            "can be added or changed without changing the root, so whoever holds the key showed "
            "different records to different readers, or rewrote the log",
        )
    chains = [head.extensions.get(_CHAIN) for head in (first, second)]
    if None not in chains and chains[0] != chains[1]:
        return Judgement(
            Finding.TWO_HEADS,
            f"the log {first.origin} signed two different chain digests for the same {size} "
            f"records: {chains[0]} and {chains[1]}. The records fix the digest, so one of the "
            "two statements is false, and the key signed both",
        )
    return Judgement(Finding.NO_CONTRADICTION, f"both heads state the same {size} records")


def _judge_linked(small: Checkpoint, large: Checkpoint, prefix: Prefix) -> Judgement:
    verify_consistency(small.size, large.size, prefix.root, large.root, prefix.hashes)
    if prefix.root == small.root:
        return Judgement(
            Finding.NO_CONTRADICTION,
            f"the {small.size} records of the smaller head are the first of the {large.size} of "
            "the larger one",
        )
    return Judgement(
        Finding.TWO_HEADS,
        f"the log {small.origin} signed root {small.root.hex()} for {small.size} records, and a "
        f"head of {large.size} records whose first {small.size} have root {prefix.root.hex()}. "
        "The larger root fixes everything before it, so the key signed two histories: the log was "
        "forked or rewritten after the smaller head was signed",
    )


def _prefix(member: object) -> Prefix | None:
    if member is None:
        return None
    if not isinstance(member, dict) or set(member) != {"root", "hashes"}:
        raise ProofError("expected prefix as null, or root and hashes; found another shape")
    hashes = member["hashes"]
    if not isinstance(hashes, list) or len(hashes) > _MAX_HASHES:
        raise ProofError(f"expected at most {_MAX_HASHES} hashes as a list, found something else")
    return Prefix(_hash(member["root"]), tuple(_hash(value) for value in hashes))


def _hash(member: object) -> bytes:
    try:
        value = decode64(_text(member))
    except NoteError as problem:
        raise ProofError(f"expected a hash in base64: {problem}") from problem
    if len(value) != HASH_BYTES:
        raise ProofError(f"expected hashes of {HASH_BYTES} bytes, found one of {len(value)}")
    return value


def _text(member: object) -> str:
    if not isinstance(member, str) or len(member) > MAX_NOTE_BYTES or not _encodable(member):
        raise ProofError("expected text in a proof file, found something else")
    return member


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
