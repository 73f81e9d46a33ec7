"""A log as a folder that any static file server can serve: C2SP tlog-tiles.

Order is the whole point: hash tiles and entry bundles first, a sync of the file system, then the
checkpoint, replaced in one step. A reader who fetches the checkpoint finds every tile it needs,
whenever the publisher was killed. What a name stands for never changes, so publishing again adds
what is new and replaces nothing but the checkpoint.

The checkpoint that lies there already is held against the log: publishing never goes back to a
smaller size and never replaces one history by another.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from ledger.errors import (
    CheckpointError,
    DurabilityError,
    EquivocationError,
    NoteError,
    RollbackError,
    UnreadableError,
)
from ledger.tiles.folder import TileFolder
from ledger.tiles.form import WIDTH, TileAt, bundle, bundles_of
from ledger.tiles.tree import Leaves, TiledTree
from ledger.trust import equivocation
from ledger.trust.checkpoint import Checkpoint
from ledger.trust.keys import PublicKey
from ledger.trust.note import MAX_NOTE_BYTES

CHECKPOINT: Final = "checkpoint"


@dataclass(frozen=True, slots=True)
class Source:
    """The log to publish: its signed head, the keys it was signed with, and its records.

    ``first`` is the first record that was not pruned; the bundles before it stay as they lie.
    """

    head: Checkpoint
    keys: Sequence[PublicKey]
    leaves: Leaves
    bodies: Callable[[int, int], Iterable[bytes]]
    first: int = 0


@dataclass(frozen=True, slots=True)
class Published:
    """What was written: hash tiles and entry bundles; all others were there already."""

    size: int
    tiles: int
    bundles: int


def publish(source: Source, into: Path, *, entries: bool = False, check: bool = False) -> Published:
    """Bring the folder ``into`` to the head of ``source``; with ``check``, hash what lies there."""
    tiles = renew(source, into, check=check, against=_published(source, into))
    bundles = _renew_bundles(source, TileFolder(into)) if entries else 0
    os.sync()  # the tiles rest on the disk before a checkpoint speaks of them
    _place(into / CHECKPOINT, source.head.note)
    return Published(source.head.size, tiles, bundles)


def renew(
    source: Source, into: Path, *, check: bool = False, against: Checkpoint | None = None
) -> int:
    """Bring the hash tiles of ``into`` to the head of ``source``; returns how many were written."""
    tree = TiledTree(TileFolder(into), source.leaves, strict=True)
    size, root = source.head.size, source.head.root
    if against is not None:
        _refuse_other_past(against, source.head, tree)
    (tree.check if check else tree.complete)(size, root)
    return tree.written


def renew_bundles(source: Source, into: Path) -> int:
    """Bring the entry bundles of ``into`` to the head of ``source``; returns how many."""
    return _renew_bundles(source, TileFolder(into))


def _renew_bundles(source: Source, folder: TileFolder) -> int:
    """Write the bundles that are missing, each run of neighbours by one reading of the log."""
    written = 0
    there = (at for at in bundles_of(source.head.size) if at.number * WIDTH >= source.first)
    for run in _runs(at for at in there if not folder.has(at)):
        bodies = iter(source.bodies(run[0].number * WIDTH, run[-1].number * WIDTH + run[-1].width))
        for at in run:
            folder.write(at, bundle(islice(bodies, at.width)))
            written += 1
    return written


def _runs(missing: Iterable[TileAt]) -> Iterator[list[TileAt]]:
    run: list[TileAt] = []
    for at in missing:
        if run and at.number != run[-1].number + 1:
            yield run
            run = []
        run.append(at)
    if run:
        yield run


def _published(source: Source, into: Path) -> Checkpoint | None:
    """The checkpoint that lies in ``into``, which must be one of this log."""
    try:
        with (into / CHECKPOINT).open("rb") as file:
            data = file.read(MAX_NOTE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise UnreadableError(
            f"expected to read {into / CHECKPOINT}, found: {problem.strerror}; check its mode"
        ) from problem
    try:
        return equivocation.signed(data, source.keys)
    except NoteError as problem:
        raise CheckpointError(
            f"expected in {into} what this log published before: {problem}; publish into an empty "
            "folder"
        ) from problem


def _refuse_other_past(published: Checkpoint, head: Checkpoint, tree: TiledTree) -> None:
    if published.size > head.size:
        raise RollbackError(
            head.size,
            f"expected at least {published.size} records, as was published, found {head.size}; "
            "the log was cut, or this is an old copy of it",
        )
    root = tree.root_at(published.size, head.size, head.root)
    if root != published.root:
        raise EquivocationError(
            max(published.size - 1, 0),
            f"expected root {published.root.hex()} over {published.size} records, as was "
            f"published, found {root.hex()}; the log was forked: keep both, they are the proof",
        )


def _place(target: Path, data: bytes) -> None:
    spare = target.with_name(f"{target.name}.new-{os.getpid()}")
    try:
        with spare.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        spare.rename(target)
    except OSError as problem:
        with suppress(OSError):
            spare.unlink()
        raise DurabilityError(
            f"expected to publish {target}, found: {problem.strerror}; what was published before "
            "stands: make room or check who may write there"
        ) from problem
