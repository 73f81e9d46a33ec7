"""What a repository points at, read out of a tree of the object store: never asked of git itself.

``HEAD``, the loose and the packed references are plain files. The commit's own bytes are told by
git inside, and believed only where their digest is the commit's name.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ledger import Digest, Json, ObjectStore, digest, encode
from os2shell.executors.workspace import Entry, Kind, encode_tree, read_tree
from os2shell.executors.workspace.listing import list_tree

GIT_FOLDER = b".git"
REFS_SHOWN = 32
NAME_CHARACTERS = 120
_ID = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SYMBOLIC = re.compile(rb"ref: (refs/[^\s]{1,400})\n?")
_PACKED = re.compile(rb"^([0-9a-f]{40}(?:[0-9a-f]{24})?) (refs/\S+)$", re.MULTILINE)
_TREE_LINE = re.compile(rb"\Atree ([0-9a-f]{40}(?:[0-9a-f]{24})?)\n")
_FILE_MOST = 16 << 20
_DEPTH_MOST = 64
_HASHES = {40: "sha1", 64: "sha256"}


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository: its folder, and what it points at.

    ``head`` is the branch or, detached, the commit; ``commit`` and ``tree`` are HEAD's, empty where
    there is none yet (or git did not prove the tree). ``refs`` are the first rows of name and
    object, ``refs_count`` counts all and ``refs_digest`` is over all.
    """

    folder: str
    head: str
    commit: str
    tree: str
    refs: Json
    refs_count: int
    refs_digest: bytes


def repository_at(
    tree: Digest, folder: str, told: bytes, objects: ObjectStore
) -> Repository | None:
    """The repository at or above ``folder``; ``told`` is a commit's object by git's word."""
    parts = [part.encode("utf-8", "surrogateescape") for part in folder.split("/") if part != "."]
    for depth in range(len(parts), -1, -1):
        found = _find(tree, [*parts[:depth], GIT_FOLDER], objects)
        if found is not None and found.kind is Kind.FOLDER:
            place = b"/".join(parts[:depth]).decode("utf-8", "backslashreplace") or "."
            return _read(place, found.digest, told, objects)
    return None


def without_git(tree: Digest, objects: ObjectStore) -> Digest:
    """``tree`` without every ``.git`` in it; folders that hold none stay the very same objects."""
    entries = read_tree(objects, tree)
    kept = [_bared(entry, objects) for entry in entries if entry.name != GIT_FOLDER]
    return tree if kept == list(entries) else objects.put(encode_tree(kept))


def _bared(entry: Entry, objects: ObjectStore) -> Entry:
    if entry.kind is not Kind.FOLDER:
        return entry
    return entry._replace(content=without_git(entry.digest, objects))


def _read(place: str, inside: Digest, told: bytes, objects: ObjectStore) -> Repository:
    refs = dict(_packed(inside, objects))
    refs.update(_loose(inside, objects))
    said = _content(_find(inside, [b"HEAD"], objects), objects)
    symbolic = _SYMBOLIC.fullmatch(said)
    head = symbolic[1] if symbolic else said.strip()
    commit = refs.get(head, b"") if symbolic else (head if _ID.fullmatch(head) else b"")
    rows: list[Json] = [[_text(name), refs[name].decode()] for name in sorted(refs)]
    return Repository(
        folder=place,
        head=_text(head),
        commit=commit.decode(),
        tree=_tree_of(commit, told),
        refs=rows[:REFS_SHOWN],
        refs_count=len(rows),
        refs_digest=digest(encode([[name, refs[name]] for name in sorted(refs)])),
    )


def _packed(inside: Digest, objects: ObjectStore) -> Iterator[tuple[bytes, bytes]]:
    content = _content(_find(inside, [b"packed-refs"], objects), objects)
    for found in _PACKED.finditer(content):
        yield found[2], found[1]


def _loose(inside: Digest, objects: ObjectStore) -> Iterator[tuple[bytes, bytes]]:
    folder = _find(inside, [b"refs"], objects)
    if folder is None or folder.kind is not Kind.FOLDER:
        return
    for path, entry in list_tree(folder.digest, objects).items():
        content = _content(entry, objects).strip()
        if _ID.fullmatch(content):
            yield b"refs/" + path, content


def _tree_of(commit: bytes, told: bytes) -> str:
    """The tree that ``told`` names, where it is the commit's own object (gitformat-commit)."""
    found = _TREE_LINE.match(told)
    if found is None or len(commit) not in _HASHES:
        return ""
    whole = b"commit %d\0" % len(told) + told
    name = hashlib.new(_HASHES[len(commit)], whole, usedforsecurity=False).hexdigest()
    return found[1].decode() if name == commit.decode() else ""


def _find(tree: Digest, names: list[bytes], objects: ObjectStore) -> Entry | None:
    found: Entry | None = None
    for depth, name in enumerate(names):
        if depth > _DEPTH_MOST or (found is not None and found.kind is not Kind.FOLDER):
            return None
        folder = tree if found is None else found.digest
        found = next((each for each in read_tree(objects, folder) if each.name == name), None)
        if found is None:
            return None
    return found


def _content(entry: Entry | None, objects: ObjectStore) -> bytes:
    """A small file's bytes; nothing for what is no file."""
    if entry is None or entry.kind is not Kind.FILE or entry.size > _FILE_MOST:
        return b""
    return objects.get(entry.digest)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")[:NAME_CHARACTERS]
