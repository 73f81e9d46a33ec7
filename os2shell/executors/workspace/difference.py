"""The difference of two trees, as changes in order of their paths. Walks unequal folders only."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from ledger import Digest, ObjectStore
from os2shell.executors.workspace.tree import Entry, Kind, read_tree


class What(StrEnum):
    """What happened to a path. ``KIND``: it is of another kind now, with or without other bytes."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    KIND = "kind"


class Change(NamedTuple):
    """One path that differs; folders appear when they came, went, or changed kind."""

    path: bytes
    what: What
    before: Entry | None
    after: Entry | None


def difference(
    before: Digest | None, after: Digest | None, objects: ObjectStore
) -> tuple[Change, ...]:
    """Every path that differs between two trees; ``None`` stands for an empty workspace."""
    return tuple(_folders(before, after, objects, b""))


def _folders(
    before: Digest | None, after: Digest | None, objects: ObjectStore, prefix: bytes
) -> Iterator[Change]:
    if before == after:
        return
    left = {entry.name: entry for entry in read_tree(objects, before)} if before else {}
    right = {entry.name: entry for entry in read_tree(objects, after)} if after else {}
    for name in sorted(left.keys() | right.keys()):
        old, new = left.get(name), right.get(name)
        if old == new:
            continue
        path = prefix + name
        old_tree = old.digest if old and old.kind is Kind.FOLDER else None
        new_tree = new.digest if new and new.kind is Kind.FOLDER else None
        if old is None:
            yield Change(path, What.ADDED, None, new)
        elif new is None:
            yield Change(path, What.REMOVED, old, None)
        elif old.kind is not new.kind:
            yield Change(path, What.KIND, old, new)
        elif new_tree is None:
            yield Change(path, What.CHANGED, old, new)
        yield from _folders(old_tree, new_tree, objects, path + b"/")
