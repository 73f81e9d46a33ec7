"""Trees: a folder as an object that names objects, all the way down.

``["os2.tree/1", [[name, kind, size, content], …]]`` in the ledger's canonical form, sorted by name.
Kinds: ``f`` plain file, ``x`` file its owner may execute, ``l`` symbolic link, ``d`` folder.
``content`` is the digest of the bytes or of the folder's own tree, and a link's target itself.
Times, owners and all other mode bits are left out: two workspaces with equal content are equal.

Decoding trusts nothing, because a tree may come from a bundle: names that would leave the folder,
doubles, a wrong order or size are refused. Reading and writing folders is left to the neighbours.
"""

from collections.abc import Iterable
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from ledger import Digest, Json, LedgerError, ObjectStore, decode, digest, encode
from os2shell.executors.workspace.errors import TreeInvalid

TREE_FORM = "os2.tree/1"
DIGEST_BYTES = 32
NAME_BYTES = 255
TARGET_BYTES = 4095


class Kind(StrEnum):
    """What an entry is."""

    FILE = "f"
    PROGRAM = "x"
    LINK = "l"
    FOLDER = "d"


KINDS = {str(kind): kind for kind in Kind}


class Entry(NamedTuple):
    """One name in a folder. ``size`` in bytes, 0 for folders; ``content`` a digest or a target."""

    name: bytes
    kind: Kind
    size: int
    content: bytes

    @property
    def digest(self) -> Digest:
        """The object with the file's bytes or the folder's tree; a link's is of its target."""
        return digest(self.content) if self.kind is Kind.LINK else Digest(self.content)


def encode_tree(entries: Iterable[Entry]) -> bytes:
    """Canonical bytes of a folder; ``entries`` in any order."""
    rows: list[Json] = [
        [entry.name, entry.kind.value, entry.size, entry.content] for entry in sorted(entries)
    ]
    return encode([TREE_FORM, rows])


def decode_tree(data: bytes) -> tuple[Entry, ...]:
    """Entries in order of their names; raises ``TreeInvalid`` for anything no capture writes."""
    try:
        value = decode(data)
    except LedgerError:
        raise TreeInvalid("bytes that are not canonical") from None
    match value:
        case [str(form), list(rows)] if form == TREE_FORM:
            entries = tuple(_entry(row) for row in rows)
        case _:
            raise TreeInvalid("another form")
    for left, right in pairwise(entries):
        if left.name >= right.name:
            raise TreeInvalid(f"names out of order at {right.name!r}")
    return entries


def read_tree(objects: ObjectStore, tree: Digest) -> tuple[Entry, ...]:
    """The entries of the folder that ``tree`` names."""
    return decode_tree(objects.get(tree))


def _entry(row: Json) -> Entry:
    match row:
        case [bytes(name), str(kind), int(size), bytes(content)] if kind in KINDS and size >= 0:
            entry = Entry(name, KINDS[kind], size, content)
        case _:
            raise TreeInvalid("a row of another form")
    if name in {b"", b".", b".."} or b"/" in name or b"\0" in name or len(name) > NAME_BYTES:
        raise TreeInvalid(f"the name {name!r}")
    if entry.kind is Kind.LINK:
        held = 0 < len(content) <= TARGET_BYTES and size == len(content) and b"\0" not in content
    else:
        held = len(content) == DIGEST_BYTES and (entry.kind is not Kind.FOLDER or size == 0)
    if not held:
        raise TreeInvalid(f"impossible content for {name!r}")
    return entry
