"""Listings: a tree as one flat mapping of paths, and back; for putting two trees together."""

from collections.abc import Mapping

from ledger import Digest, ObjectStore
from os2shell.executors.workspace.tree import Entry, Kind, encode_tree, read_tree

Listing = Mapping[bytes, Entry]


def list_tree(tree: Digest, objects: ObjectStore) -> Listing:
    """Every file, link and *empty* folder below ``tree`` by its path from the root."""
    found: dict[bytes, Entry] = {}
    pending = [(b"", tree)]
    while pending:
        prefix, folder = pending.pop()
        for entry in read_tree(objects, folder):
            path = prefix + entry.name
            if entry.kind is Kind.FOLDER and read_tree(objects, entry.digest):
                pending.append((path + b"/", entry.digest))
            else:
                found[path] = entry
    return found


def make_tree(listing: Listing, objects: ObjectStore) -> Digest:
    """Store the tree that ``listing`` describes; folders follow from the paths."""
    children: dict[bytes, list[Entry]] = {b"": []}
    for path, entry in listing.items():
        _folders(path, children).append(entry)
    # Longest paths first: a folder's tree is stored before the folder that names it.
    for path in sorted(children, key=lambda path: path.count(b"/"), reverse=True):
        if path:
            tree = objects.put(encode_tree(children[path]))
            folder = Entry(path.rpartition(b"/")[2], Kind.FOLDER, 0, tree)
            children[path.rpartition(b"/")[0]].append(folder)
    return objects.put(encode_tree(children[b""]))


def _folders(path: bytes, children: dict[bytes, list[Entry]]) -> list[Entry]:
    parent = path.rpartition(b"/")[0]
    missing = parent
    while missing and missing not in children:
        children[missing] = []
        missing = missing.rpartition(b"/")[0]
    return children[parent]
