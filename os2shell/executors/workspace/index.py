"""The index: what each file looked like when its digest was taken, so it need not be read again.

An index is a cache. It may be deleted, damaged or old at any time; then files are read again. It is
never the reason to believe that an object exists: a capture asks the store for the tree object,
which is put after everything it names. Callers save an index only after the objects are synced.

A signature is (size, mtime, ctime, inode, mode). A file changed within the clock's granularity of
the moment it was read can keep its signature, so a signature counts only for files whose times
lie before ``clean_before_ns`` (the "racy" rule, as in git's racy-git.txt). All rows of a folder
lie in two packed blobs: an unchanged folder is settled by one comparison, without an object for
each file.
"""

import contextlib
import os
import stat
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ledger import Digest, Json, LedgerError, decode, digest, encode

INDEX_FORM = "os2.index/1"
DIGEST_BYTES = 32
MASK = (1 << 63) - 1
RACY_NS = 2_000_000_000
"""Coarsest granularity of a usual file system's clock (FAT counts in two seconds)."""

Signature = tuple[int, int, int, int, int]
FOLDER_SIGNATURE: Signature = (0, 0, 0, 0, stat.S_IFDIR)
NO_DIGEST = bytes(DIGEST_BYTES)


class Row(NamedTuple):
    """One name as it was captured; ``content`` is zero for links, which are always read again."""

    name: bytes
    signature: Signature
    content: bytes


@dataclass(frozen=True, slots=True)
class Folder:
    """The rows of one folder, packed, and its tree. ``newest_ns`` is the latest file time."""

    names: bytes
    signatures: bytes
    contents: bytes
    newest_ns: int
    size: int
    tree: Digest

    def rows(self) -> dict[bytes, Row]:
        """Unpack into rows by name."""
        if not self.names:
            return {}
        contents = (
            self.contents[at : at + DIGEST_BYTES]
            for at in range(0, len(self.contents), DIGEST_BYTES)
        )
        signatures = struct.iter_unpack("<5q", self.signatures)
        return {
            name: Row(name, (size, mtime, ctime, inode, mode), content)
            for name, (size, mtime, ctime, inode, mode), content in zip(
                self.names.split(b"\0"), signatures, contents, strict=True
            )
        }


@dataclass(frozen=True, slots=True)
class Index:
    """Folders by path (``b""`` is the root)."""

    clean_before_ns: int = 0
    folders: Mapping[bytes, Folder] = field(default_factory=dict)

    def row(self, path: bytes) -> Row | None:
        """What was known of ``path``, or ``None``."""
        parent, _, name = path.rpartition(b"/")
        folder = self.folders.get(parent)
        return None if folder is None else folder.rows().get(name)

    def is_clean(self, signature: Signature) -> bool:
        """Say whether an equal signature proves equal content."""
        return max(signature[1], signature[2]) < self.clean_before_ns


def signature_of(status: os.stat_result) -> Signature:
    """The signature of a file as the system describes it."""
    return (
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino & MASK,
        status.st_mode,
    )


def pack(signatures: Iterable[Signature]) -> bytes:
    """Signatures as one blob. A guest can set times beyond 64 bits of nanoseconds: those wrap."""
    flat = [number for signature in signatures for number in signature]
    try:
        return struct.pack(f"<{len(flat)}q", *flat)
    except struct.error:
        return struct.pack(f"<{len(flat)}q", *(number & MASK for number in flat))


def folder_of(rows: Sequence[Row], tree: Digest) -> Folder:
    """Pack ``rows``, which are in order of their names."""
    return Folder(
        names=b"\0".join(row.name for row in rows),
        signatures=pack(row.signature for row in rows),
        contents=b"".join(row.content for row in rows),
        newest_ns=min(max((max(row.signature[1:3]) for row in rows), default=0), MASK),
        size=sum(row.signature[0] for row in rows),
        tree=tree,
    )


def save_index(path: Path, index: Index) -> None:
    """Replace the file at ``path``. Not synced: after a power cut a torn file is rebuilt."""
    rows: list[Json] = [
        [name, each.names, each.signatures, each.contents, each.newest_ns, each.size, each.tree]
        for name, each in index.folders.items()
    ]
    data = encode([INDEX_FORM, index.clean_before_ns, rows])
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(digest(data) + data)
        beside.replace(path)
    except OSError:
        # Only time is lost: the next capture reads the files again.
        with contextlib.suppress(OSError):
            beside.unlink()


def load_index(path: Path) -> Index:
    """The index at ``path``; an empty one when it is missing, damaged or of another form."""
    try:
        data = path.read_bytes()
    except OSError:
        return Index()
    body = data[DIGEST_BYTES:]
    if digest(body) != data[:DIGEST_BYTES]:
        return Index()
    try:
        value = decode(body)
    except LedgerError:
        return Index()
    match value:
        case [str(form), int(clean_before_ns), list(rows)] if form == INDEX_FORM:
            folders = dict(map(_folder, rows))
        case _:
            return Index()
    known = {name: folder for name, folder in folders.items() if folder is not None}
    return Index(clean_before_ns, known)


def _folder(row: Json) -> tuple[bytes, Folder | None]:
    match row:
        case [
            bytes(path),
            bytes(names),
            bytes(signatures),
            bytes(contents),
            int(newest_ns),
            int(size),
            bytes(tree),
        ]:
            return path, Folder(names, signatures, contents, newest_ns, size, Digest(tree))
        case _:
            return b"", None
